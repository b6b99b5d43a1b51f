"""Jobs: work that is remembered before it is done, and tried until it is done.

    enqueue ──▶ waiting ──claim──▶ leased ──finish──▶ gone
                   ▲                  │
                   └── failed, given back, or its worker fell silent

A job runs at least once, so every step of it must bear being repeated. Each claim raises the job's fence; a worker that
was away for longer than its lease shows an old fence, and what it says no longer counts.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from jackfield.exchange import JsonObject
from jackfield_hub.database import EVERY_ORGANIZATION, Database, Transaction
from jackfield_hub.jobs import store
from jackfield_hub.jobs.turns import NOBODY, Range, Turns
from jackfield_hub.logs import describe, log

POLL_SECONDS = 0.5  # jobs of other processes and jobs that wait; our own wake us at once
HEARTBEATS_A_LEASE = 3
MAX_RETRY_DELAY_SECONDS = 60.0
CANCELLATIONS = 5
SECONDS_A_CANCELLATION = 1.0

JobId = str


class LeaseLost(Exception):
    """Somebody else has this job now. Stop, and change nothing any more."""


@dataclass
class Job:
    """One claim of one job, as its handler sees it. `attempt` counts from 1."""

    id: JobId
    payload: JsonObject
    fence: int
    attempt: int
    handling: Handling
    jobs: Jobs = field(repr=False)
    share_of: str = NOBODY
    is_finished: bool = False

    @property
    def kind(self) -> str:
        return self.handling.kind

    async def check(self) -> None:
        """Make sure the job is still ours, and renew the lease. Raises LeaseLost. Call it before every step."""
        async with self.jobs.database.transaction(EVERY_ORGANIZATION) as tx:
            lease_until = await self.jobs.now(tx) + self.handling.lease_seconds
            if not await store.renew(tx, self.id, self.fence, lease_until):
                raise LeaseLost

    async def finish(self, tx: Transaction) -> None:
        """End the job in the same transaction as the last thing it changes. Raises LeaseLost."""
        if not await store.remove(tx, self.id, self.fence):
            raise LeaseLost
        tx.after_commit.append(self._mark_finished)

    def _mark_finished(self) -> None:
        self.is_finished = True


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs of a kind nobody has begun. `since` is when the oldest could have, in seconds since 1970."""

    kind: str
    jobs: int
    since: float


Handler = Callable[[Job], Awaitable[None]]


@dataclass(frozen=True)
class Handling:
    """How jobs of one kind are done."""

    kind: str
    run: Handler
    on_lost: Handler | None  #: called instead of `run` once all attempts are used up
    concurrency: int
    max_attempts: int
    lease_seconds: float
    retry_seconds: float
    spare: int = 0  #: hands beyond `concurrency`, for those who have none at work

    def delay_after(self, attempt: int) -> float:
        """Return how long to wait after this attempt has failed, in seconds."""
        return min(self.retry_seconds * 2.0 ** (attempt - 1), MAX_RETRY_DELAY_SECONDS)


class Jobs:
    """The jobs of one database, as this process sees them: it adds some, and works on those it has a handler for.

    Leases are counted by the database's clock, which all who share it agree on; `clock` is for tests.
    """

    def __init__(self, database: Database, clock: Callable[[], float] | None = None) -> None:
        self.database = database
        self.clock = clock
        self._handlings: dict[str, Handling] = {}
        self._turns: dict[str, Turns] = {}
        self._running: dict[asyncio.Task[None], Job] = {}
        self._wake_up = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def waiting(self) -> list[Waiting]:
        """Return what waits, by kind."""
        async with self.database.reading(EVERY_ORGANIZATION) as tx:
            return [Waiting(**row) for row in await store.count_waiting(tx, await self.now(tx))]

    async def now(self, tx: Transaction) -> float:
        """Return the time leases are counted by, in seconds since 1970."""
        return self.clock() if self.clock is not None else await tx.now()

    async def enqueue(
        self,
        tx: Transaction,
        kind: str,
        payload: JsonObject,
        *,
        dedupe: str | None = None,
        run_after: float | None = None,
        share_of: str = NOBODY,
    ) -> JobId | None:
        """Remember a job in the caller's transaction: it exists exactly when the rows beside it do.

        Returns None when a job of this kind with the same `dedupe` is waiting or running already.
        `run_after` is the earliest time to start, in seconds since 1970. Those who want jobs of a kind done take turns:
        `share_of` is the organization on whose turn this one is.
        """
        job_id, now = str(uuid.uuid4()), await self.now(tx)
        values = {"id": job_id, "kind": kind, "payload": payload, "dedupe": dedupe, "created_at": now}
        if not await store.insert(tx, run_after=now if run_after is None else run_after, fence=0, attempt=0, **values):
            return None
        tx.after_commit.append(self._wake_up.set)
        return job_id

    def handler(
        self,
        kind: str,
        *,
        concurrency: int = 1,
        max_attempts: int = 5,
        lease_seconds: float = 30.0,
        retry_seconds: float = 2.0,
        on_lost: Handler | None = None,
        spare: int = 0,
    ) -> Callable[[Handler], Handler]:
        """Say who does the jobs of a kind: `concurrency` of them at once for one organization, `spare` more for others.

        `on_lost` ends a job whose attempts are used up; it may be called twice.

        A handler that raises is tried again after `retry_seconds`, then after twice that, and so on.
        """

        def register(run: Handler) -> Handler:
            self._handlings[kind] = Handling(
                kind, run, on_lost, concurrency, max_attempts, lease_seconds, retry_seconds, spare
            )
            self._wake_up.set()
            return run

        return register

    def start(self) -> None:
        """Begin to work, in the background of this event loop."""
        self._loop = asyncio.create_task(self._work(), name="jobs")

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Claim nothing more, let what runs finish for a while, then hand the rest to whoever comes next."""
        if self._loop is None:
            return
        await _cancel([self._loop])
        self._loop = None
        if self._running and grace_seconds > 0:
            await asyncio.wait(self._running, timeout=grace_seconds)
        unfinished = dict(self._running)
        await _cancel(unfinished)
        for job in unfinished.values():
            await self._release(job, 0.0, job.attempt - 1)  # being stopped is not the job's fault

    async def _work(self) -> None:
        while True:
            self._wake_up.clear()
            try:
                has_more = await self._claim_what_is_due()
            except Exception as failure:  # the database may be away for a while; we are still here when it is back
                log.error("jobs_unreachable", **describe(failure))
                has_more = False
            if not has_more:
                # Not wait_for: in Python 3.11 it forgets a cancellation that comes together with the wake-up.
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wake_up.wait()

    async def _claim_what_is_due(self) -> bool:
        """Start one job of each kind that has one and a free hand. Return whether there was any."""
        free = [handling for handling in self._handlings.values() if self._has_a_free_hand(handling)]
        due: list[Handling] = []
        async with self.database.reading(EVERY_ORGANIZATION) as tx:
            now = await self.now(tx)
            kinds = await store.list_due_kinds(tx, now)
            for handling in free:
                if handling.kind in kinds and await store.find_next(tx, handling.kind, self._order(handling), now):
                    due.append(handling)
        claims = [await self._claim(handling) for handling in due]
        return any(claims)

    def _has_a_free_hand(self, handling: Handling) -> bool:
        return sum(job.kind == handling.kind for job in self._running.values()) < handling.concurrency + handling.spare

    def _order(self, handling: Handling) -> Iterator[Range]:
        """In which order those who want such work done are looked at. The spare hands are for who has none at work."""
        at_work = Counter(job.share_of for job in self._running.values() if job.kind == handling.kind)
        busy = [share for share, hands in at_work.items() if hands >= handling.concurrency]
        return self._turns.setdefault(handling.kind, Turns()).order(busy)

    async def _claim(self, handling: Handling) -> bool:
        async with self.database.transaction(EVERY_ORGANIZATION) as tx:
            now = await self.now(tx)
            job_id = await store.find_next(tx, handling.kind, self._order(handling), now, to_claim=True)
            if job_id is None:
                return False
            row = await store.claim(tx, job_id, now, now + handling.lease_seconds)
        if row is None:
            return False
        self._turns[handling.kind].served(row["share_of"])
        job = Job(row["id"], row["payload"], row["fence"], row["attempt"], handling, self, row["share_of"])
        task = asyncio.create_task(self._run(job), name=f"job {job.kind} {job.id}")
        self._running[task] = job
        task.add_done_callback(self._forget)
        return True

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._wake_up.set()  # a hand is free

    async def _run(self, job: Job) -> None:
        """Do a job with its heart beating beside it. When this task is cancelled, so is the work."""
        doing = asyncio.create_task(self._do(job))
        beating = asyncio.create_task(self._beat(job, doing))
        try:
            await asyncio.wait([doing])
        finally:
            await _cancel([doing, beating])

    async def _do(self, job: Job) -> None:
        step = job.handling.run if job.attempt <= job.handling.max_attempts else job.handling.on_lost or _give_up
        try:
            await step(job)
            await self._make_sure_it_is_finished(job)
        except LeaseLost:
            log.warning("job_lease_lost", kind=job.kind, job=job.id, fence=job.fence)
        except Exception as failure:  # a handler may fail in any way; the job is tried again
            log.error("job_failed", kind=job.kind, job=job.id, attempt=job.attempt, **describe(failure))
            await self._release(job, job.handling.delay_after(job.attempt), job.attempt)

    async def _beat(self, job: Job, doing: asyncio.Task[None]) -> None:
        """Renew the lease until the work is done; stop the work when somebody else has taken it over."""
        while True:
            await asyncio.sleep(job.handling.lease_seconds / HEARTBEATS_A_LEASE)
            try:
                await job.check()
            except LeaseLost:
                log.warning("job_lease_lost", kind=job.kind, job=job.id, fence=job.fence)
                doing.cancel()
                return
            except Exception as failure:  # one missed beat is no harm; the next may come through
                log.error("job_heartbeat_missed", kind=job.kind, job=job.id, **describe(failure))

    async def _make_sure_it_is_finished(self, job: Job) -> None:
        if not job.is_finished:
            async with self.database.transaction(EVERY_ORGANIZATION) as tx:
                await job.finish(tx)

    async def _release(self, job: Job, delay_seconds: float, attempt: int) -> None:
        try:
            async with self.database.transaction(EVERY_ORGANIZATION) as tx:
                run_after = await self.now(tx) + delay_seconds
                await store.release(tx, job.id, job.fence, run_after, attempt)
        except Exception as failure:  # then it waits until its lease is over
            log.error("job_not_given_back", kind=job.kind, job=job.id, **describe(failure))


async def _give_up(job: Job) -> None:
    log.error("job_given_up", kind=job.kind, job=job.id, attempts=job.attempt - 1)


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    """End these tasks. One that does not listen is told again a few times, then left to its lease."""
    pending = {task for task in tasks if not task.done()}
    for _ in range(CANCELLATIONS):
        for task in pending:
            task.cancel()
        if not pending:
            return
        _, pending = await asyncio.wait(pending, timeout=SECONDS_A_CANCELLATION)
