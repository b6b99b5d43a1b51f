"""The threads of a worker take turns, and none of them keeps the others waiting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jackfield.exchange import Request, Response
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, Pool
from tests.hub.small_connectors import small_bundle
from tests.hub.test_sandbox_calls import give, run

HANDLERS = """
    from concurrent.futures import ThreadPoolExecutor

    ROOM = threading.Barrier(40)

    @small.operation
    def meet() -> dict:
        ROOM.wait(10)
        return {}

    @small.operation
    def compute_until(text: Text) -> dict:
        while not os.path.exists(text.text):
            pass
        return {}

    @small.operation
    def ask(text: Text, http: Http) -> dict:
        return {"text": http.get("/" + text.text).text}

    @small.operation
    def ask_from_threads(http: Http) -> dict:
        with ThreadPoolExecutor(5) as threads:
            return {"texts": [answer.text for answer in threads.map(http.get, [f"/{n}" for n in range(20)])]}

    @small.operation
    def leave_a_thread(http: Http) -> dict:
        threading.Thread(target=http.get, args=("/late",)).start()
        return {}

    @small.operation
    def count_threads() -> dict:
        return {"threads": threading.active_count()}
"""
ON_A_LOOP = """
    @small.operation
    async def rest() -> dict:
        return {}
"""


async def echo(request: Request) -> Response:
    await asyncio.sleep(0.001)
    return Response(200, (), request.url.rpartition("/")[2].encode())


@pytest.fixture
async def pool():
    pool = Pool(Limits(drain_seconds=1.0, processor_seconds=60))
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture(params=["", ON_A_LOOP], ids=["threads only", "beside a loop"])
def connector(request: pytest.FixtureRequest, tmp_path: Path) -> Bundle:
    return small_bundle(tmp_path / "bundle", HANDLERS + request.param)


async def test_handlers_that_wait_for_each_other_all_run(pool: Pool, connector: Bundle):
    await asyncio.gather(*(give(pool, connector, "meet") for _ in range(40)))


async def test_calls_are_answered_beside_one_that_computes_all_the_time(pool: Pool, connector: Bundle):
    busy = asyncio.create_task(run(pool, connector, "compute_until", text="/nowhere", seconds=5))
    await asyncio.sleep(0.1)

    answers = await asyncio.gather(*(give(pool, connector, "ask", text=str(n), send=echo) for n in range(20)))

    assert [answer["text"] for answer in answers] == [str(n) for n in range(20)]
    assert not busy.done()
    busy.cancel()


async def test_threads_of_a_handler_may_ask_too(pool: Pool, connector: Bundle):
    answers = await asyncio.gather(*(give(pool, connector, "ask_from_threads", send=echo) for _ in range(3)))

    assert answers == 3 * [{"texts": [str(n) for n in range(20)]}]


async def test_a_thread_that_stays_behind_keeps_nobody_waiting(pool: Pool, connector: Bundle):
    async def never(request: Request) -> Response:
        await asyncio.sleep(60)
        return Response(200)

    for _ in range(5):
        await give(pool, connector, "leave_a_thread", send=never)

    assert await give(pool, connector, "ask", text="x", send=echo) == {"text": "x"}


async def test_there_are_no_more_threads_than_calls_at_once(pool: Pool, connector: Bundle):
    before = (await give(pool, connector, "count_threads"))["threads"]
    for _ in range(20):
        await asyncio.gather(*(give(pool, connector, "ask", text=str(n), send=echo) for n in range(10)))

    assert (await give(pool, connector, "count_threads"))["threads"] <= before + 10
