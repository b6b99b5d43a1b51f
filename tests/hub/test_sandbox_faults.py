"""Workers that crash, hang, flood and lie: a typed error for their own calls, and nothing for anybody else."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jackfield.exchange import Request, Response
from jackfield_hub.sandbox.circuit import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Circuit
from jackfield_hub.sandbox.jail import JAILS, Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, Pool
from tests.hub.small_connectors import small_bundle
from tests.hub.test_sandbox_calls import give, output, run

HANG_SECONDS = 0.4


@pytest.fixture
async def pool() -> AsyncGenerator[Pool]:
    pool = Pool(Limits(drain_seconds=1.0))
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
def connector(tmp_path: Path) -> Callable[[str], Bundle]:
    return lambda code: small_bundle(tmp_path / "bundle", PID + code)


PID = """
    @small.operation
    def pid() -> dict:
        return {"pid": os.getpid()}
"""


async def is_gone(find: Callable[[], bool]) -> bool:
    """Return whether `find` stops finding within five seconds."""
    for _ in range(250):
        if not find():
            return True
        await asyncio.sleep(0.02)
    return False


def processes_below(first: int) -> list[int]:
    """Return all processes that come from this one, as this host sees them, the nearest first."""
    below: list[int] = []
    with suppress(OSError):
        below = [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]
    return below + [further for pid in below for further in processes_below(pid)]


@pytest.mark.parametrize(
    ("crash", "word"),
    [
        ("os._exit(9)", "status 9"),
        ("os._exit(0)", "ended by itself"),
        ("ctypes.string_at(0)", "SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("os.abort()", "SIGABRT"),
        ("socket.socket(fileno=3).shutdown(2); time.sleep(60)", "ended"),
    ],
)
async def test_a_crash_is_a_typed_error_and_the_next_call_gets_a_fresh_worker(pool, connector, crash, word):
    bundle = connector(f"""
    @small.operation
    def crash() -> dict:
        {crash}
    """)
    before = await give(pool, bundle, "pid")

    crashed = output(await run(pool, bundle, "crash"))

    assert (crashed["kind"], crashed["code"]) == ("WorkerCrashed", "#connector_error")
    assert word in crashed["message"]
    assert (await give(pool, bundle, "pid"))["pid"] != before["pid"]


async def test_the_author_learns_from_the_log_where_it_crashed(pool, connector):
    bundle = connector("""
    @small.operation
    def crash() -> dict:
        os.write(2, b"last words")
        ctypes.string_at(0)
        return {}
    """)

    outcome = await run(pool, bundle, "crash")

    assert "last words" in outcome.log
    assert "in crash" in outcome.log


async def test_a_crash_ends_the_calls_of_its_worker_and_no_others(pool, connector):
    bundle = connector("""
    @small.operation
    def rest() -> dict:
        time.sleep(0.6)
        return {"rested": True}

    @small.operation
    def crash() -> dict:
        os._exit(1)
    """)
    await give(pool, bundle, "pid", organization="alice")
    await give(pool, bundle, "pid", organization="charlie")

    alice = asyncio.create_task(run(pool, bundle, "rest", organization="alice"))
    charlie = asyncio.create_task(run(pool, bundle, "rest", organization="charlie"))
    await asyncio.sleep(0.1)
    await run(pool, bundle, "crash", organization="alice")

    assert output(await alice)["kind"] == "WorkerCrashed"
    assert output(await charlie) == {"rested": True}


@pytest.mark.parametrize(
    "hang",
    [
        "while True: pass",
        "time.sleep(60)",
        "threading.Event().wait()",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); time.sleep(60)",
    ],
)
async def test_a_call_that_hangs_is_answered_at_its_deadline_and_its_worker_ended(pool, connector, hang):
    bundle = connector(f"""
    @small.operation
    def hang() -> dict:
        {hang}
    """)
    before = await give(pool, bundle, "pid")
    asked = time.monotonic()

    outcome = output(await run(pool, bundle, "hang", seconds=HANG_SECONDS))

    assert outcome["kind"] == "TimedOut"
    assert time.monotonic() - asked < HANG_SECONDS + 1.0
    assert await is_gone(lambda: len(processes_below(pool.first_pid or 0)) > 1)
    assert (await give(pool, bundle, "pid"))["pid"] != before["pid"]


async def test_a_call_that_waits_for_a_third_party_is_stopped_without_ending_its_worker(pool, connector):
    bundle = connector("""
    @small.operation
    def ask(http: Http) -> dict:
        return http.get("/").json()
    """)
    before = await give(pool, bundle, "pid")

    async def send(request: Request) -> Response:
        await asyncio.sleep(60)
        return Response(200)

    outcome = output(await run(pool, bundle, "ask", send=send, seconds=HANG_SECONDS))
    await asyncio.sleep(0.3)

    assert outcome["kind"] == "TimedOut"
    assert await give(pool, bundle, "pid") == before


async def test_calls_beside_one_that_hangs_still_finish(pool, connector):
    bundle = connector("""
    @small.operation
    def rest() -> dict:
        time.sleep(1.0)
        return {"pid": os.getpid()}

    @small.operation
    def hang() -> dict:
        time.sleep(60)
        return {}
    """)
    before = await give(pool, bundle, "pid")

    rest = asyncio.create_task(run(pool, bundle, "rest"))
    hung = await run(pool, bundle, "hang", seconds=0.2)
    await asyncio.sleep(0.2)
    after = await give(pool, bundle, "pid")

    assert output(hung)["kind"] == "TimedOut"
    assert output(await rest) == before
    assert after != before


async def test_a_caller_who_leaves_takes_nothing_with_him(pool, connector):
    bundle = connector("""
    @small.operation
    def rest() -> dict:
        time.sleep(0.3)
        return {}
    """)
    before = await give(pool, bundle, "pid")

    left = asyncio.create_task(run(pool, bundle, "rest"))
    await asyncio.sleep(0.1)
    left.cancel()
    await asyncio.sleep(0.5)

    assert await give(pool, bundle, "pid") == before


FRAMES = """
    import orjson, struct
    def raw(header, body=b"{}"):
        return struct.pack(">II", 4 + len(header) + len(body), len(header)) + header + body
    def result(call_id, body=b"{}"):
        return raw(orjson.dumps(["result", call_id, True]), body)
"""


@pytest.mark.parametrize(
    "lie",
    [
        "result(2) + result(2)",
        "result(77)",
        "result(1)",
        "struct.pack('>I', 2**31)",
        "raw(b'[' * 100_000)",
        "result(2, b'{\"a\":' * 100 + b'1' + b'}' * 100)",
        "result(2, b'[1]')",
        "result(2, b'{\"a\":NaN}')",
        'result(2, b\'{"a":"\\\\ud800"}\')',
        "raw(b'[\"ready\"]')",
        "raw(b'[\"load_failed\"]')",
        'raw(b\'["http",9,1,"GET","u",[],null,null]\')',
        "raw(b'[\"log\",2]', b'x' * 300_000)",
        "raw(b'[\"log\",2]', b'x') * 2",
        'raw(b\'["http",1,1,"GET","u",[],null,null]\') * 20_000',
        "result(2, b'{\"a\":\"' + b'x' * (9 << 20) + b'\"}')",
        "result(2, b'{\"a\":[' + b'[],' * 2_000_000 + b'[]]}')",
    ],
)
async def test_a_worker_that_lies_is_ended_and_no_other(pool, connector, lie):
    bundle = connector(f"""{FRAMES}
    @small.operation
    def lie() -> dict:
        lie = {lie}
        while lie:
            lie = lie[os.write(3, lie):]
        time.sleep(60)
        return {{}}
    """)
    before = await give(pool, bundle, "pid")
    other = await give(pool, bundle, "pid", organization="charlie")

    await run(pool, bundle, "lie", seconds=5.0)

    assert (await give(pool, bundle, "pid"))["pid"] != before["pid"]
    assert await give(pool, bundle, "pid", organization="charlie") == other


@pytest.mark.parametrize(
    "work",
    [
        "return {'a': 'x' * (20 << 20)}",
        "return {'a': float('nan'), 'b': object()}",
        "raise MemoryError",
        "raise KeyboardInterrupt",
        "sys.exit(1)",
        "return [1]",
        "def deeper(): deeper()\n        deeper()",
        "value = {}\n        for _ in range(300): value = {'a': value}\n        return value",
        "value = {}\n        for _ in range(100): value = {'a': value}\n        return value",
        "return {'a': [[] for _ in range(600_000)]}",
    ],
)
async def test_an_output_that_cannot_be_is_an_error_and_the_worker_lives(pool, connector, work):
    bundle = connector(f"""
    @small.operation
    def work() -> dict:
        {work}
    """)
    before = await give(pool, bundle, "pid")

    outcome = await run(pool, bundle, "work")

    assert not outcome.is_success
    assert await give(pool, bundle, "pid") == before


async def test_a_hundred_megabytes_of_result_stay_out_of_the_hub(pool, connector):
    bundle = connector("""
    @small.operation
    def flood() -> dict:
        data = b"x" * (1 << 20)
        os.write(3, (15 << 20).to_bytes(4, "big") + (10).to_bytes(4, "big") + b'["log",2]')
        for _ in range(100):
            os.write(3, data)
        return {}
    """)
    await give(pool, bundle, "pid")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    outcome = await run(pool, bundle, "flood")

    assert output(outcome)["kind"] == "WorkerCrashed"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


async def test_three_deaths_pause_the_connector_for_that_organization_only(pool, connector):
    bundle = connector("""
    @small.operation
    def crash() -> dict:
        os._exit(1)
    """)

    kinds = [output(await run(pool, bundle, "crash"))["kind"] for _ in range(5)]

    assert kinds == ["WorkerCrashed"] * 3 + ["WorkerPaused"] * 2
    assert await give(pool, bundle, "pid", organization="charlie")


def test_a_pause_doubles_with_each_further_death_and_ends_with_a_success():
    now = 0.0
    circuit = Circuit(lambda: now)
    pauses: list[float] = []
    for _ in range(12):
        circuit.died()
        pauses.append(circuit.pause_left())
        now += circuit.pause_left() + 0.1

    assert pauses[:5] == pytest.approx([0, 0, FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_SECONDS)

    circuit.succeeded()
    circuit.died()
    assert circuit.pause_left() == 0


@pytest.mark.parametrize(("rung", "which"), [(Rung.NAMESPACES, 0), (Rung.NAMESPACES, 1), (Rung.NO_NAMESPACES, 0)])
async def test_a_zygote_that_is_killed_comes_back_and_leaves_no_orphans(connector, rung, which):
    bundle = connector("""
    @small.operation
    def rest() -> dict:
        time.sleep(60)
        return {}
    """)
    pool = Pool(Limits(drain_seconds=1.0), rung)
    await pool.start()
    await give(pool, bundle, "pid")
    first = pool.first_pid or 0
    processes = [first, *processes_below(first)]
    resting = asyncio.create_task(run(pool, bundle, "rest"))
    await asyncio.sleep(0.2)
    killed = time.monotonic()

    os.kill(processes[which], signal.SIGKILL)

    assert output(await resting)["kind"] == "WorkerLost"
    assert await give(pool, bundle, "echo", text="again") == {"text": "again"}
    assert time.monotonic() - killed < 10.0
    assert len(processes) == (3 if rung is Rung.NAMESPACES else 2)
    assert await is_gone(lambda: any(exists(pid) for pid in processes))
    await pool.stop()


@pytest.mark.parametrize("rung", JAILS)
async def test_when_the_pool_stops_every_process_is_gone(connector, rung):
    bundle = connector("")
    pool = Pool(rung=rung)
    await pool.start()
    await give(pool, bundle, "pid")
    first = pool.first_pid or 0
    processes = [first, *processes_below(first)]

    await pool.stop()

    assert len(processes) > 1
    assert await is_gone(lambda: any(exists(pid) for pid in processes))


HUB = """
import asyncio, sys, time
from pathlib import Path
from jackfield.runner import Call
from jackfield_hub.sandbox.jail import JAILS, Rung
from jackfield_hub.sandbox.pool import Bundle, Pool, WorkerKey

async def live():
    pool = Pool(rung=Rung(sys.argv[1]))
    await pool.start()
    key = WorkerKey("acme", "small~1.0", "digest")
    call = asyncio.ensure_future(
        pool.call(key, Bundle(Path(sys.argv[2]), "small", "digest"), Call("hang", {}), None, time.monotonic() + 60)
    )
    await asyncio.sleep(1)
    print(pool.first_pid, flush=True)
    await call

asyncio.run(live())
"""


@pytest.mark.parametrize("rung", JAILS)
async def test_no_process_outlives_a_hub_that_is_killed(connector, rung):
    bundle = connector("""
    @small.operation
    def hang() -> dict:
        while True: pass
    """)
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HUB, rung, str(bundle.folder), stdout=asyncio.subprocess.PIPE
    )
    assert hub.stdout is not None
    first = int(await hub.stdout.readline())
    processes = [first, *processes_below(first)]

    hub.kill()
    await hub.wait()

    assert len(processes) == (3 if rung is Rung.NAMESPACES else 2)
    assert await is_gone(lambda: any(exists(pid) for pid in processes))


async def test_workers_that_ended_leave_no_descriptor_in_the_hub(pool, connector):
    bundle = connector("""
    @small.operation
    def crash() -> dict:
        os._exit(1)
    """)
    await give(pool, bundle, "pid")
    before = open_descriptors()

    for organization in range(10):
        await run(pool, bundle, "crash", organization=str(organization))
    await asyncio.sleep(0.1)

    assert open_descriptors() <= before


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def exists(pid: int) -> bool:
    """Return whether the process lives. One that nobody has buried yet does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def planted(count: int) -> list[bytes]:
    return [os.urandom(16).hex().encode() for _ in range(count)]


async def test_no_secret_of_the_hub_is_in_the_memory_of_zygote_or_worker(connector, monkeypatch):
    secrets = planted(20)
    for number, secret in enumerate(secrets[:10]):
        monkeypatch.setenv(f"JACKFIELD_PLANTED_{number}", secret.decode())
    bundle = connector("")
    pool = Pool()
    await pool.start()
    await give(pool, bundle, "pid")
    await give(pool, bundle, "pid", organization="charlie")
    first = pool.first_pid or 0
    processes = [first, *processes_below(first)]

    found: list[Any] = []
    for pid in processes:
        memory = memory_of(pid)
        assert b"jackfield" in memory
        found += [(pid, secret) for secret in secrets if secret in memory]
    await pool.stop()

    assert len(processes) >= 3
    assert found == []


def memory_of(pid: int) -> bytes:
    """Return all that a process has in memory and may be read."""
    pieces: list[bytes] = []
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            area, permissions, *_ = line.split()
            start, end = (int(address, 16) for address in area.split("-"))
            if "w" in permissions or "heap" in line:
                with suppress(OSError, OverflowError):
                    memory.seek(start)
                    pieces.append(memory.read(end - start).replace(bytes(4096), b""))  # most of it was never used
    return b"".join(pieces)
