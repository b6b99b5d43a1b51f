"""What is seen of workers from outside: how much they hold, who waits for whom."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import pytest

from jackfield_hub.sandbox.jail import JAILS, Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Pool
from jackfield_hub.sandbox.watch import may_come_back
from tests.hub.small_connectors import small_bundle
from tests.hub.test_sandbox_calls import give, output, run
from tests.hub.test_sandbox_faults import is_gone, processes_below

CODE = """
held = []
policy_at_birth = os.sched_getscheduler(0)

@small.operation
def crash() -> dict:
    os._exit(1)

@small.operation
def policy() -> dict:
    return {"at_birth": policy_at_birth}

@small.operation
def pid() -> dict:
    return {"pid": os.getpid()}

@small.operation
def hold() -> dict:
    held.append(b"x" * (160 << 20))
    time.sleep(60)
    return {}

@small.operation
def fill() -> dict:
    for number in range(3):
        with open(f"file-{number}", "wb") as file:
            for _ in range(40):
                file.write(os.urandom(1 << 20))
    time.sleep(60)
    return {}

@small.operation
def litter() -> dict:
    for number in range(200_000):
        open(f"file-{number}", "wb").close()
    return {}

@small.operation
def compute(text: Text) -> dict:
    until = time.monotonic() + float(text.text)
    while time.monotonic() < until:
        pass
    return {}
"""


@pytest.fixture(params=JAILS)
async def pool(request: pytest.FixtureRequest) -> AsyncGenerator[Pool]:
    pool = Pool(Limits(drain_seconds=1.0, resident_bytes=128 << 20, look_seconds=0.1, busy_share=0.05), request.param)
    await pool.start()
    yield pool
    await pool.stop()


async def test_a_worker_that_holds_too_much_is_ended_and_no_other(pool: Pool, tmp_path: Path):
    bundle = small_bundle(tmp_path / "bundle", CODE)
    other = await give(pool, bundle, "pid", organization="charlie")
    before = await give(pool, bundle, "pid")

    outcome = await run(pool, bundle, "hold")

    assert output(outcome)["kind"] == "OutOfMemory"
    assert pool.counters["OutOfMemory"] == 1
    assert (await give(pool, bundle, "pid"))["pid"] != before["pid"]
    assert await give(pool, bundle, "pid", organization="charlie") == other


@pytest.mark.parametrize("greedy", ["fill", "litter"])
async def test_the_scratch_is_limited_in_all_and_in_the_number_of_files(pool: Pool, tmp_path: Path, greedy: str):
    bundle = small_bundle(tmp_path / "bundle", CODE)

    outcome = await run(pool, bundle, greedy)

    assert output(outcome)["kind"] == "OutOfScratch"
    assert await give(pool, bundle, "pid")


async def test_who_computes_all_the_time_lets_the_others_go_first(pool: Pool, tmp_path: Path):
    if not may_come_back():
        pytest.skip("this user may not put a process back in its place")
    bundle = small_bundle(tmp_path / "bundle", CODE)
    await give(pool, bundle, "pid")
    await give(pool, bundle, "pid", organization="charlie")

    computing = asyncio.create_task(give(pool, bundle, "compute", text="3"))

    async with asyncio.timeout(10):
        while policies(pool) != [os.SCHED_OTHER, os.SCHED_IDLE]:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.02)
    await computing
    assert await is_gone(lambda: policies(pool) != [os.SCHED_OTHER] * 2)


async def test_who_comes_for_one_that_crashed_stands_back_until_it_is_calm(pool: Pool, tmp_path: Path):
    if not may_come_back():
        pytest.skip("this user may not put a process back in its place")
    bundle = small_bundle(tmp_path / "bundle", CODE)
    assert await give(pool, bundle, "policy") == {"at_birth": os.SCHED_OTHER}

    await run(pool, bundle, "crash")

    assert await give(pool, bundle, "policy") == {"at_birth": os.SCHED_IDLE}
    assert await give(pool, bundle, "policy", organization="charlie") == {"at_birth": os.SCHED_OTHER}
    assert await is_gone(lambda: policies(pool) != [os.SCHED_OTHER] * 2)


def policies(pool: Pool) -> list[int]:
    """Return the policy of every worker: the highest that one of its threads has."""
    first = pool.first_pid or 0
    workers = processes_below(first)[1 if pool.rung is Rung.NAMESPACES else 0 :]
    return sorted(max(map(os.sched_getscheduler, threads_of(pid))) for pid in workers)


def threads_of(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
    return []


async def test_the_hub_goes_before_its_workers(pool: Pool, tmp_path: Path):
    await give(pool, small_bundle(tmp_path / "bundle", CODE), "pid")
    first = pool.first_pid or 0

    [worker] = processes_below(first)[1 if pool.rung is Rung.NAMESPACES else 0 :]

    assert os.getpriority(os.PRIO_PROCESS, worker) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)
    assert os.getsid(worker) == os.getsid(first) == os.getsid(0)
    assert os.getpgid(first) != os.getpgid(0)
