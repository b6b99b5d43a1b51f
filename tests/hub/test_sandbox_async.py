"""Operations that are `async def`, in real workers: on one loop, within the same limits, ended in the same ways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from jackfield.exchange import Request, Response
from jackfield.manifest import Metadata
from jackfield_hub.sandbox.jail import JAILS, Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, Pool
from tests.hub.small_connectors import small_bundle, small_metadata
from tests.hub.test_sandbox_calls import give, output, run

HEAD = """
import asyncio
from jackfield import AsyncHttp

left_behind = []

@small.operation
async def pid() -> dict:
    return {"pid": os.getpid(), "threads": threading.active_count()}

@small.operation
async def ask(text: Text, http: AsyncHttp) -> dict:
    answer = await http.get("/" + text.text)
    return {"text": answer.text, "pid": os.getpid()}

@small.operation
def ask_plainly(text: Text, http: Http) -> dict:
    return {"text": http.get("/" + text.text).text, "pid": os.getpid()}
"""


@pytest.fixture
async def pool(request: pytest.FixtureRequest) -> AsyncGenerator[Pool]:
    rung: Rung | None = getattr(request, "param", None)
    pool = Pool(Limits(drain_seconds=1.0, processor_seconds=0.8, requests_at_once=4), rung)
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
def connector(tmp_path: Path) -> Callable[..., Bundle]:
    def write(code: str = "") -> Bundle:
        return small_bundle(tmp_path / "bundle", HEAD + code)

    return write


async def send(request: Request) -> Response:
    return Response(200, (), request.url.rpartition("/")[2].encode())


@pytest.mark.parametrize("pool", JAILS, indirect=True)
async def test_calls_of_both_kinds_run_side_by_side_in_one_worker(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector()
    inside, most = 0, 0

    async def send(request: Request) -> Response:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.3)
        inside -= 1
        return Response(200, (), request.url.rpartition("/")[2].encode())

    operations = ["ask", "ask_plainly"] * 25
    asked = [give(pool, bundle, one, text=str(n), send=send) for n, one in enumerate(operations)]
    answers = await asyncio.gather(*asked)

    assert [answer["text"] for answer in answers] == [str(n) for n in range(50)]
    assert len({answer["pid"] for answer in answers}) == 1
    assert most > 25


async def test_many_async_calls_need_no_thread_each(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector()
    may_answer = asyncio.Event()

    async def send(request: Request) -> Response:
        await may_answer.wait()
        return Response(200)

    asked = [asyncio.create_task(give(pool, bundle, "ask", text=str(n), send=send)) for n in range(100)]
    threads = (await give(pool, bundle, "pid"))["threads"]
    may_answer.set()
    await asyncio.gather(*asked)

    assert threads < 6


async def test_a_connector_with_async_operations_is_described(pool: Pool, connector: Callable[..., Bundle]):
    metadata: Metadata = small_metadata()

    manifest = await pool.describe(connector(), metadata, time.monotonic() + 20)

    assert {operation["name"] for operation in manifest["operations"]} == {"echo", "pid", "ask", "ask_plainly"}


async def test_requests_of_one_call_overlap_and_are_limited(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector("""
@small.operation
async def ask_much(text: Text, http: AsyncHttp) -> dict:
    answers = await asyncio.gather(*(http.get(f"/{n}") for n in range(int(text.text))))
    return {"texts": [answer.text for answer in answers]}

@small.operation
async def ask_on(http: AsyncHttp) -> dict:
    while True:
        await http.get("/")
    """)

    assert await give(pool, bundle, "ask_much", send=send, text="4") == {"texts": ["0", "1", "2", "3"]}
    assert output(await run(pool, bundle, "ask_much", send=send, text="5"))["kind"] == "OutOfRequests"
    assert output(await run(pool, bundle, "ask_on", send=send))["kind"] == "OutOfRequests"
    assert pool.counters["OutOfRequests"] == 2


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        ("return {'a': 'x' * (100 << 20)}", "TooLarge"),
        ("return {'a': [[] for _ in range(600_000)]}", "TooLarge"),
        ("return [1]", "ConnectorError"),
        ("return {'a': object()}", "ConnectorError"),
        ("raise ValueError('hunter2')", "ConnectorError"),
        ("raise asyncio.CancelledError", "ConnectorError"),
        ("raise KeyboardInterrupt", "ConnectorError"),
        ("sys.exit(1)", "ConnectorError"),
        ("asyncio.get_running_loop().close()", "ConnectorError"),
        ("async def deeper(): await deeper()\n    await deeper()", "ConnectorError"),
        ("return {'a': len(bytearray(2 << 30))}", "OutOfMemory"),
        ("async def leave(): sys.exit(1)\n    await asyncio.gather(leave())", "ConnectorError"),
        ("async def leave(): raise KeyboardInterrupt\n    await asyncio.create_task(leave())", "ConnectorError"),
    ],
)
async def test_whatever_an_async_operation_does_is_an_outcome_and_the_worker_lives(
    pool: Pool, connector: Callable[..., Bundle], work: str, kind: str
):
    bundle = connector(f"""
@small.operation
async def work() -> dict:
    {work}
    """)
    before = await give(pool, bundle, "pid")

    outcome = await run(pool, bundle, "work")

    assert output(outcome)["kind"] == kind, (outcome.output, outcome.log)
    assert b"hunter2" not in outcome.output
    assert (await give(pool, bundle, "pid"))["pid"] == before["pid"]


async def test_what_calls_print_is_kept_apart(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector("""
@small.operation
async def talk(text: Text, http: AsyncHttp) -> dict:
    print(text.text, 1)
    await http.get("/")

    async def whisper():
        await asyncio.sleep(0)
        print(text.text, 2)

    await asyncio.gather(whisper(), asyncio.to_thread(print, text.text, 3))
    return {}
    """)

    outcomes = await asyncio.gather(*(run(pool, bundle, "talk", send=send, text=one) for one in "abc"))

    assert [sorted(outcome.log.split("\n")) for outcome in outcomes] == [
        ["", f"{one} 1", f"{one} 2", f"{one} 3"] for one in "abc"
    ]


@pytest.mark.parametrize("pool", JAILS, indirect=True)
async def test_a_call_is_cancelled_at_its_deadline_and_its_worker_lives(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector("""
seen = []

@small.operation
async def hang() -> dict:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise

@small.operation
async def tell() -> dict:
    return {"seen": seen, "pid": os.getpid()}
    """)
    before = await give(pool, bundle, "tell")

    outcome = output(await run(pool, bundle, "hang", seconds=0.3))
    await asyncio.sleep(0.3)

    assert outcome["kind"] == "TimedOut"
    assert await give(pool, bundle, "tell") == {**before, "seen": ["cancelled"]}


async def test_a_caller_who_leaves_cancels_the_call(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector("""
seen = []

@small.operation
async def hang() -> dict:
    try:
        seen.append("began")
        await asyncio.sleep(60)
    finally:
        seen.append("ended")

@small.operation
async def tell() -> dict:
    return {"seen": seen}
    """)
    left = asyncio.create_task(run(pool, bundle, "hang"))
    while (await give(pool, bundle, "tell"))["seen"] != ["began"]:
        pass
    left.cancel()

    async with asyncio.timeout(10):
        while (await give(pool, bundle, "tell"))["seen"] != ["began", "ended"]:
            pass


@pytest.mark.parametrize(
    "hang",
    [
        "while True: pass",
        "time.sleep(60)",
        "while True:\n        try: await asyncio.sleep(60)\n        except asyncio.CancelledError: pass",
    ],
)
async def test_a_call_that_ignores_its_cancellation_is_ended_with_its_worker(
    pool: Pool, connector: Callable[..., Bundle], hang: str
):
    bundle = connector(f"""
@small.operation
async def hang() -> dict:
    {hang}
    """)
    before = await give(pool, bundle, "pid")
    asked = time.monotonic()

    outcome = output(await run(pool, bundle, "hang", seconds=0.2))

    assert outcome["kind"] == "TimedOut"
    assert time.monotonic() - asked < 1.2
    async with asyncio.timeout(10):
        while output(await run(pool, bundle, "pid", seconds=1.0)).get("pid") in (None, before["pid"]):
            pass


@pytest.mark.parametrize(
    "compute",
    [
        "while True: pass",
        "while True: await asyncio.sleep(0)",
        "async def helper():\n        while True: await asyncio.sleep(0)\n    await asyncio.create_task(helper())",
    ],
)
async def test_computing_is_counted_through_all_turns_and_tasks_of_a_call(
    pool: Pool, connector: Callable[..., Bundle], compute: str
):
    bundle = connector(f"""
@small.operation
async def compute() -> dict:
    {compute}
    """)

    assert output(await run(pool, bundle, "compute"))["kind"] == "OutOfProcessorTime"
    assert pool.counters["OutOfProcessorTime"] == 1


async def test_waiting_is_not_computing(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector("""
@small.operation
async def wait() -> dict:
    await asyncio.sleep(0.8)
    return {}
    """)

    assert await asyncio.gather(*(give(pool, bundle, "wait") for _ in range(5))) == [{}] * 5


async def test_a_task_that_is_left_behind_ends_with_its_call(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector("""
@small.operation
async def leave_behind() -> dict:
    async def stay():
        try:
            await asyncio.sleep(60)
        finally:
            left_behind.append("ended")

    left_behind.append(asyncio.create_task(stay()))
    await asyncio.sleep(0)
    return {}

@small.operation
async def tell() -> dict:
    return {"left": left_behind[1:]}
    """)
    await give(pool, bundle, "leave_behind")

    assert await give(pool, bundle, "tell") == {"left": ["ended"]}


async def test_errors_of_requests_reach_the_handler_that_awaits_them(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector("""
from jackfield import NoAnswer

@small.operation
async def ask_nobody(http: AsyncHttp) -> dict:
    try:
        await http.get("/")
    except NoAnswer as error:
        return {"error": error.message}
    """)

    assert "nobody is at" in (await give(pool, bundle, "ask_nobody"))["error"]


async def test_a_zygote_that_is_lost_ends_async_calls_with_an_error(pool: Pool, connector: Callable[..., Bundle]):
    bundle = connector("""
@small.operation
async def crash() -> dict:
    os._exit(9)
    """)
    resting = asyncio.create_task(run(pool, bundle, "ask", send=never, text="x"))
    await asyncio.sleep(0.2)

    crashed = await run(pool, bundle, "crash")

    assert output(crashed)["kind"] == output(await resting)["kind"] == "WorkerCrashed"


async def never(request: Request) -> Any:
    await asyncio.sleep(60)
