"""The limits of a call: each has an error of its own, a number that counts it, and no other call notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from jackfield.exchange import Request, Response
from jackfield_hub.sandbox.jail import JAILS
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Overloaded, Pool
from tests.hub.small_connectors import small_bundle
from tests.hub.test_sandbox_calls import give, output, run

GREEDY = """
@small.operation
def pid() -> dict:
    return {"pid": os.getpid()}

@small.operation
def compute() -> dict:
    while True:
        pass

@small.operation
def grow() -> dict:
    return {"length": len(bytearray(2 << 30))}

@small.operation
def start_threads() -> dict:
    enough = threading.Event()
    try:
        for _ in range(1000):
            threading.Thread(target=enough.wait, daemon=True).start()
    finally:
        enough.set()
    return {}

@small.operation
def write_files() -> dict:
    for number in range(3):
        with open(f"file-{number}", "wb") as file:
            for _ in range(70):
                file.write(bytes(1 << 20))
    return {}

@small.operation
def ask(http: Http) -> dict:
    while True:
        http.get("/")

@small.operation
def answer_much() -> dict:
    return {"text": "x" * (100 << 20)}

@small.operation
def answer_deep() -> dict:
    value = {}
    for _ in range(200):
        value = {"a": value}
    return value

@small.operation
def print_much() -> dict:
    print("x" * (1 << 20))
    return {}

@small.operation
def rest() -> dict:
    time.sleep(60)
    return {}
"""


@pytest.fixture(params=JAILS)
async def pool(request: pytest.FixtureRequest) -> AsyncGenerator[Pool]:
    pool = Pool(Limits(drain_seconds=1.0, processor_seconds=0.3, max_workers=1, calls_at_once=2), request.param)
    await pool.start()
    yield pool
    await pool.stop()


async def send(request: Request) -> Response:
    return Response(200, (), b"{}")


@pytest.mark.parametrize(
    ("operation", "kind", "is_survived"),
    [
        ("compute", "OutOfProcessorTime", False),
        ("grow", "OutOfMemory", True),
        ("start_threads", "OutOfThreads", True),
        ("write_files", "OutOfScratch", True),
        ("ask", "OutOfRequests", True),
        ("answer_much", "TooLarge", True),
        ("answer_deep", "TooLarge", True),
        ("rest", "TimedOut", False),
    ],
)
async def test_a_call_that_wants_too_much_is_told_what_and_is_counted(
    pool: Pool, tmp_path: Path, operation: str, kind: str, is_survived: bool
):
    bundle = small_bundle(tmp_path / "bundle", GREEDY)
    before = await give(pool, bundle, "pid")

    outcome = await run(pool, bundle, operation, send=send, seconds=0.5 if operation == "rest" else 20.0)

    assert output(outcome)["kind"] == kind, (outcome.output, outcome.log)
    assert pool.counters[kind] == 1
    assert pool.counters["calls"] == 2
    if is_survived:
        assert await give(pool, bundle, "pid") == before


async def test_a_log_that_was_cut_is_counted(pool: Pool, tmp_path: Path):
    bundle = small_bundle(tmp_path / "bundle", GREEDY)

    outcome = await run(pool, bundle, "print_much")

    assert outcome.is_success
    assert pool.counters["cut_logs"] == 1


async def test_calls_that_find_no_room_are_counted(pool: Pool, tmp_path: Path):
    bundle = small_bundle(tmp_path / "bundle", GREEDY)
    resting = [asyncio.create_task(run(pool, bundle, "rest", seconds=1.0)) for _ in range(2)]
    await asyncio.sleep(0.3)

    with pytest.raises(Overloaded):
        await run(pool, bundle, "pid")

    assert pool.counters["Overloaded"] == 1
    await asyncio.gather(*resting)


async def test_waiting_is_not_computing(pool: Pool, tmp_path: Path):
    bundle = small_bundle(
        tmp_path / "bundle",
        """
        @small.operation
        def wait() -> dict:
            time.sleep(0.8)
            return {}
        """,
    )

    assert await give(pool, bundle, "wait") == {}


async def test_a_made_up_kind_of_error_is_not_counted(pool: Pool, tmp_path: Path):
    bundle = small_bundle(
        tmp_path / "bundle",
        """
        from jackfield.errors import OperationError

        @small.operation
        def invent() -> dict:
            raise type("x" * 1000, (OperationError,), {})("an error of its own")
        """,
    )

    await run(pool, bundle, "invent")

    assert set(pool.counters) == {"started", "calls"}
