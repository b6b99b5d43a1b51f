"""Jobs: remembered before they are done, done until they are done, and by one worker at a time."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import func, insert, select

from jackfield_hub.database import Database
from jackfield_hub.jobs import store
from jackfield_hub.jobs.service import Job, Jobs
from jackfield_hub.jobs.turns import Turns
from jackfield_hub.tables import jobs

SOON = 20.0  # seconds; a ceiling, not a measure


class Worker:
    """One process's share of the work: a database connection and the jobs it does, as a hub has them."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.jobs = Jobs(self.database)
        self.done: list[int] = []

    async def enqueue(self, number: int = 0, dedupe: str | None = None, run_after: float | None = None) -> str | None:
        async with self.database.transaction() as tx:
            return await self.jobs.enqueue(tx, "count", {"number": number}, dedupe=dedupe, run_after=run_after)

    async def count(self, job: Job) -> None:
        self.done.append(job.payload["number"])

    async def is_idle(self) -> bool:
        async with self.database.reading() as tx:
            return await tx.scalar(select(func.count()).select_from(jobs)) == 0

    async def until_idle(self) -> None:
        async with asyncio.timeout(SOON):
            while not await self.is_idle():  # noqa: ASYNC110 - jobs end in other processes too
                await asyncio.sleep(0.01)


@pytest.fixture
async def workers(empty_database: str) -> AsyncGenerator[tuple[Worker, Worker]]:
    first, second = Worker(empty_database), Worker(empty_database)
    await first.database.migrate()
    async with AsyncExitStack() as closing:
        for worker in (first, second):
            closing.push_async_callback(worker.database.close)
            closing.push_async_callback(worker.jobs.stop)
        yield first, second


async def test_two_workers_do_two_hundred_jobs_once_each(workers: tuple[Worker, Worker]) -> None:
    for worker in workers:
        worker.jobs.handler("count", concurrency=4)(worker.count)
    async with workers[0].database.transaction() as tx:
        for number in range(200):
            await workers[0].jobs.enqueue(tx, "count", {"number": number})

    for worker in workers:
        worker.jobs.start()
    await workers[0].until_idle()

    first, second = (worker.done for worker in workers)
    assert sorted(first + second) == list(range(200))
    assert first
    assert second


async def test_a_job_exists_exactly_when_its_transaction_does(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers

    async def fail() -> None:
        async with worker.database.transaction() as tx:
            await worker.jobs.enqueue(tx, "count", {"number": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await worker.is_idle()


async def test_a_job_starts_at_once_when_it_is_enqueued_here(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers
    worker.jobs.handler("count")(worker.count)
    worker.jobs.start()
    await asyncio.sleep(0.05)

    await worker.enqueue(1)
    await worker.until_idle()

    assert worker.done == [1]


async def test_a_job_of_another_process_is_found(workers: tuple[Worker, Worker]) -> None:
    here, there = workers
    there.jobs.handler("count")(there.count)
    there.jobs.start()

    await here.enqueue(7)
    await there.until_idle()

    assert there.done == [7]


async def test_a_job_waits_for_its_time(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers
    worker.jobs.handler("count")(worker.count)
    await worker.enqueue(2, run_after=time.time() + 0.6)
    await worker.enqueue(1)
    worker.jobs.start()
    await asyncio.sleep(0.2)
    assert worker.done == [1]

    await worker.until_idle()

    assert worker.done == [1, 2]


async def test_the_same_work_is_not_enqueued_twice_while_it_waits_or_runs(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers
    started, go_on = asyncio.Event(), asyncio.Event()

    @worker.jobs.handler("count")
    async def wait(job: Job) -> None:
        started.set()
        await go_on.wait()

    assert await worker.enqueue(1, dedupe="acme 1.0")
    assert await worker.enqueue(2, dedupe="acme 1.0") is None
    assert await worker.enqueue(3, dedupe="acme 2.0")
    worker.jobs.start()
    await started.wait()
    assert await worker.enqueue(4, dedupe="acme 1.0") is None

    go_on.set()
    await worker.until_idle()

    assert await worker.enqueue(5, dedupe="acme 1.0")


async def test_no_more_jobs_of_a_kind_run_at_once_than_were_asked_for(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers
    running, most = 0, 0
    three_run = asyncio.Event()

    @worker.jobs.handler("count", concurrency=3)
    async def observe(job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            three_run.set()
        await three_run.wait()
        await asyncio.sleep(0.05)
        running -= 1

    for number in range(9):
        await worker.enqueue(number)
    worker.jobs.start()
    await worker.until_idle()

    assert most == 3


async def test_a_job_that_fails_is_tried_again(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers
    attempts: list[tuple[int, int]] = []

    @worker.jobs.handler("count", retry_seconds=0.05)
    async def fail_twice(job: Job) -> None:
        attempts.append((job.attempt, job.fence))
        if job.attempt < 3:
            raise ZeroDivisionError

    await worker.enqueue()
    worker.jobs.start()
    await worker.until_idle()

    assert attempts == [(1, 1), (2, 2), (3, 3)]


async def test_a_job_whose_attempts_are_used_up_is_lost_once(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers
    told: list[int] = []

    async def on_lost(job: Job) -> None:
        told.append(job.attempt)

    @worker.jobs.handler("count", max_attempts=2, retry_seconds=0.05, on_lost=on_lost)
    async def fail(job: Job) -> None:
        raise ZeroDivisionError

    await worker.enqueue()
    worker.jobs.start()
    await worker.until_idle()

    assert told == [3]


async def test_work_that_takes_longer_than_its_lease_keeps_it(workers: tuple[Worker, Worker]) -> None:
    claims: list[int] = []

    async def work_long(job: Job) -> None:
        claims.append(job.fence)
        await asyncio.sleep(1.2)

    for worker in workers:
        worker.jobs.handler("count", lease_seconds=0.6)(work_long)
        worker.jobs.start()
    await workers[0].enqueue()
    await workers[0].until_idle()

    assert claims == [1]


async def test_a_stopping_worker_hands_its_jobs_back_untried(workers: tuple[Worker, Worker]) -> None:
    first, second = workers
    began = asyncio.Event()

    @first.jobs.handler("count")
    async def work_for_ever(job: Job) -> None:
        began.set()
        await asyncio.Event().wait()

    @second.jobs.handler("count")
    async def do(job: Job) -> None:
        second.done += [job.attempt, job.fence]

    await first.enqueue()
    first.jobs.start()
    await began.wait()

    await first.jobs.stop()
    second.jobs.start()
    await second.until_idle()

    assert second.done == [1, 2]


async def test_a_stopping_worker_waits_a_little_for_what_it_does(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers
    began = asyncio.Event()

    @worker.jobs.handler("count")
    async def work(job: Job) -> None:
        began.set()
        await asyncio.sleep(0.2)
        worker.done.append(job.fence)

    await worker.enqueue()
    worker.jobs.start()
    await began.wait()

    await worker.jobs.stop(grace_seconds=SOON)

    assert worker.done == [1]
    assert await worker.is_idle()


async def test_a_job_finished_with_its_last_change_is_finished_exactly_when_that_is_stored(
    workers: tuple[Worker, Worker],
) -> None:
    worker, _ = workers

    @worker.jobs.handler("count", retry_seconds=0.05)
    async def finish(job: Job) -> None:
        worker.done.append(job.attempt)
        async with worker.database.transaction() as tx:
            await job.finish(tx)
            if job.attempt == 1:
                raise ZeroDivisionError

    await worker.enqueue()
    worker.jobs.start()
    await worker.until_idle()

    assert worker.done == [1, 2]


async def test_when_a_worker_is_killed_another_takes_over(workers: tuple[Worker, Worker]) -> None:
    other, _ = workers
    await other.enqueue(7)
    async with job_worker(other.database.url, lease_seconds=0.5, stall_seconds=60) as process:
        assert await said(process) == "began 1"
        process.kill()

        other.jobs.handler("count")(other.count)
        other.jobs.start()
        await other.until_idle()

    assert other.done == [7]


async def test_a_worker_that_stalls_past_its_lease_changes_nothing_any_more(
    workers: tuple[Worker, Worker],
) -> None:
    other, _ = workers
    has_spoken = asyncio.Event()

    @other.jobs.handler("count")
    async def hold(job: Job) -> None:
        other.done.append(job.fence)
        await has_spoken.wait()

    await other.enqueue()
    async with job_worker(other.database.url, lease_seconds=0.3, stall_seconds=1.5) as process:
        assert await said(process) == "began 1"
        other.jobs.start()

        assert await said(process) == "check: LeaseLost"
        assert await said(process) == "finish: LeaseLost"
        has_spoken.set()
        await other.until_idle()

    assert other.done == [2]


async def test_f06_two_who_claim_at_once_never_have_the_same_job(workers: tuple[Worker, Worker]) -> None:
    async with workers[0].database.transaction() as tx:
        for number in range(1000):
            await workers[0].jobs.enqueue(tx, "count", {"number": number})

    async def claim_all(worker: Worker) -> list[tuple[int, int]]:
        claimed: list[tuple[int, int]] = []
        while True:
            async with worker.database.transaction() as tx:
                now = await tx.now()
                job_id = await store.find_next(tx, "count", Turns().order(()), now, to_claim=True)
                if job_id is None:
                    return claimed
                row = await store.claim(tx, job_id, now, lease_until=now + 600)
            if row is None:
                continue  # the other one was quicker
            claimed.append((row["payload"]["number"], row["fence"]))

    claims = await asyncio.gather(*(claim_all(worker) for worker in workers for _ in range(4)))

    assert sorted(one for some in claims for one in some) == [(number, 1) for number in range(1000)]


@asynccontextmanager
async def job_worker(url: str, lease_seconds: float, stall_seconds: float) -> AsyncGenerator[Process]:
    """A worker in a process of its own, that stands still in the middle of its job."""
    program = [sys.executable, "-m", "tests.hub.job_worker", url, str(lease_seconds), str(stall_seconds)]
    process = await asyncio.create_subprocess_exec(*program, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), SOON)).decode().strip()


async def test_f51_ten_thousand_jobs_of_one_keep_nobody_elses_waiting(workers: tuple[Worker, Worker]) -> None:
    worker, done = workers[0], list[str]()
    async with workers[0].database.transaction() as tx:
        row = {"kind": "build", "payload": {"of": "noisy"}, "share_of": "noisy", "run_after": 0.0, "created_at": 0.0}
        await tx.execute(insert(jobs), [{"id": str(number), **row} for number in range(10_000)])

    async def build(job: Job) -> None:
        done.append(job.payload["of"])
        await asyncio.sleep(0.01)

    worker.jobs.handler("build", concurrency=2, spare=1)(build)
    worker.jobs.start()
    while len(done) < 10:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    async with workers[0].database.transaction() as tx:
        await worker.jobs.enqueue(tx, "build", {"of": "quiet"}, share_of="quiet")
    before = len(done)
    while "quiet" not in done:  # noqa: ASYNC110
        await asyncio.sleep(0.01)

    assert done.index("quiet") - before < 10
