"""The ledger as calls see it: it gathers what they store, and answers them when it is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from jackfield_hub.calls import store
from jackfield_hub.calls.ledger.running import Running
from jackfield_hub.calls.ledger.shapes import Claim, Complete, Entry, Home, HomeAway, Lost, Release
from jackfield_hub.calls.shapes import KeptCall, Task
from jackfield_hub.database import Database
from jackfield_hub.errors import Refused, Unavailable
from jackfield_hub.idempotency.shapes import KEPT_SECONDS, Promise
from jackfield_hub.ids import new_uuid7
from jackfield_hub.logs import describe, log
from jackfield_hub.metrics.numbers import Durations

WAITING_LIMIT = 10_000
BUSY_BATCH = 2  # above this many entries in a batch there is load, and it pays to gather a little longer
# A batch that is written while calls run slows them down: better few of them, and large. So the next one gathers at
# least this long, and at most: for each entry of the last one, a sixth of the time in which a busy hub makes one.
GATHER_SECONDS, GATHER_AN_ENTRY, GATHER_MOST = 0.0015, 0.00005, 0.004
RETRY_SECONDS = 1.0  # how often we try to write what a full disk did not take
WRITE_SECONDS = 30.0  # longer than any home waits for what it waits for; only a disk that hangs takes longer


class LedgerBehind(Unavailable):
    """More calls wait for their record than the disk can follow. Nothing was executed."""


class NotRecorded(Refused):
    """The call was executed but its record could not be written, so its outcome is not answered."""

    code = "not_recorded"
    status = 500


class CannotPromise(Unavailable):
    """The call's Idempotency-Key could not be written down. Nothing was executed."""


class _Waiting(NamedTuple):
    entry: Entry
    written: asyncio.Future[KeptCall | None]
    noted: int | None = None  #: where it is noted as running, until it is stored


class Ledger:
    """Writes what calls leave behind, a batch at a time. Close it with `await close()`."""

    def __init__(self, home: Home, running: Running | None = None) -> None:
        self.home = home
        self._running = running
        self.stored = 0  #: entries, since the hub was started
        self.durations = Durations()  #: of batches
        self._waiting: list[_Waiting] = []
        self._unwritten: list[_Waiting] = []  #: done and answered for, but the home did not take it yet
        self._wake = asyncio.Event()
        self._is_closing = False
        self._writer = asyncio.create_task(self._write_until_closed(), name="ledger")

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._is_closing = True
        self._wake.set()
        await self._writer
        if self._running is not None:
            self._running.close(is_all_recorded=not self._unwritten)
        await self.home.close()

    @property
    def rows(self) -> Database:
        """Where what is stored can be read."""
        return self.home.rows

    @property
    def waiting(self) -> int:
        """How many entries are not on their way yet."""
        return len(self._waiting)

    def admit(self) -> None:
        """Ask before a call is executed, so that what was executed can always be recorded. Raises LedgerBehind."""
        if self.waiting >= WAITING_LIMIT:
            raise LedgerBehind("The hub is busy. Nothing was executed; try again in a second.")
        if self._unwritten:
            raise LedgerBehind("The hub cannot write: is its disk full? Nothing was executed; try again in a moment.")

    def begin(self, task: Task) -> int | None:
        """Note that a call begins, and what shall be recorded if this process dies over it. Return where.

        It stands there until the call's record is stored, whenever that is: say where to `record`, or `end` it.
        """
        return None if self._running is None else self._running.begin(task)

    def end(self, noted: int | None) -> None:
        """The call was not run."""
        if self._running is not None:
            self._running.end(noted)

    async def settle(self, lost: Sequence[Task]) -> None:
        """Record the calls that dead processes were running, as far as they are not recorded. Raises NotRecorded."""
        await asyncio.gather(*(self._hand_over(Entry(deed=Lost(task))) for task in lost))

    async def record(
        self, task: Task, promise: Promise | None = None, output: bytes = b"", noted: int | None = None
    ) -> None:
        """Return when the task is stored, and with it what its promise was about. Raises NotRecorded."""
        await self.enter(task, promise, output, noted)

    def enter(
        self, task: Task, promise: Promise | None = None, output: bytes = b"", noted: int | None = None
    ) -> asyncio.Future[KeptCall | None]:
        """Hand the task over to be written. The future is done when it is stored, or holds NotRecorded."""
        deed = None if promise is None else Complete(promise, task.task_id, task.outcome, output)
        return self._hand_over(Entry(task, deed), noted)

    async def find_kept(self, promise: Promise, now: float) -> KeptCall | None:
        """Return what is known of a call with this key, or None."""
        async with self.home.rows.reading(promise.organization_id) as tx:
            return await store.find_promise(tx, promise, now - KEPT_SECONDS)

    async def claim(self, promise: Promise, task: Task, *, may_redo: bool) -> KeptCall | None:
        """Return None when the call may be run: that it was begun is stored. Else what is known of it.

        `task` is what will be in the ledger if the hub dies before the call ends; what is recorded then has the same
        id. Raises CannotPromise.
        """
        deed = Claim(promise, task, since=task.started_at - KEPT_SECONDS, may_redo=may_redo)
        try:
            return await self._hand_over(Entry(deed=deed))
        except NotRecorded:
            raise CannotPromise("The hub cannot write. Nothing was executed; try again in a moment.") from None

    async def release(self, promise: Promise, task_id: str) -> None:
        """Forget the claim that was made with this task: nothing was run. Raises NotRecorded."""
        await self._hand_over(Entry(deed=Release(promise, task_id)))

    async def count(self, organization_id: str) -> int:
        """Return how many tasks this organization has used."""
        async with self.home.rows.reading(organization_id) as tx:
            return await store.count_tasks(tx, organization_id)

    def _hand_over(self, entry: Entry, noted: int | None = None) -> asyncio.Future[KeptCall | None]:
        if self._is_closing:
            raise NotRecorded("The hub is stopping; the call's outcome was not recorded.")
        written: asyncio.Future[KeptCall | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(entry, written, noted))
        self._wake.set()
        return written

    async def _write_until_closed(self) -> None:
        """Answer everything that is handed over, whatever happens: who waits here has no other way to hear of it."""
        try:
            while self._waiting or not self._is_closing:
                await self._wait_for_entries()
                await self._catch_up()
                batch, self._waiting = self._waiting, []
                if batch:
                    await self._write_or_refuse(batch)
                if len(batch) > BUSY_BATCH:
                    await asyncio.sleep(_gathering_seconds(len(batch)))
            await self._catch_up()
        finally:
            self._is_closing = True
            _refuse(self._waiting)
            if self._unwritten:
                log.error("calls_not_recorded", calls=len(self._unwritten))

    async def _write_or_refuse(self, batch: Sequence[_Waiting]) -> None:
        try:
            await self._write(batch)
        except Exception as failure:  # the writer outlives every failure, or every later call would wait for ever
            log.error("ledger_failed", rows=len(batch), **describe(failure))
        finally:
            _refuse(batch)  # those who have been answered do not hear it

    async def _wait_for_entries(self) -> None:
        if not self._waiting:
            self._wake.clear()
            if not self._is_closing:
                with suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_SECONDS if self._unwritten else None):
                        await self._wake.wait()

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        began = time.perf_counter()
        try:
            results = await self._give([one.entry for one in batch])
        except HomeAway as failure:
            log.error("ledger_away", rows=len(batch), **describe(failure))
            self._unwritten += [one._replace(entry=_still_to_do(one.entry)) for one in batch]
            _refuse(batch)
        except Exception as failure:  # whatever a home does not expect of an entry
            log.error("ledger_write_failed", rows=len(batch), **describe(failure))
            await self._write_one_by_one(batch)
        else:
            self.stored += len(batch)
            self.durations.add(time.perf_counter() - began)
            self._end_all(batch)
            _settle(batch, results)

    async def _give(self, entries: Sequence[Entry]) -> list[KeptCall | None]:
        """Have the home write this. Raises HomeAway, also when there is no answer, and what else the home raises."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return await self.home.write(entries)
        except TimeoutError as failure:
            raise HomeAway from failure

    async def _write_one_by_one(self, batch: Sequence[_Waiting]) -> None:
        """There is something in one of them that cannot be stored. The others have nothing to do with it."""
        if len(batch) == 1:
            _refuse(batch)
        else:
            for one in batch:
                await self._write([one])

    def _end_all(self, batch: Sequence[_Waiting]) -> None:
        if self._running is not None:
            for one in batch:
                self._running.end(one.noted)

    async def _catch_up(self) -> None:
        """Write what was executed while the home was away. Until that is done, nothing more is executed."""
        if not self._unwritten:
            return
        try:
            await self._give([one.entry for one in self._unwritten])
        except HomeAway:
            return  # still away
        except Exception as failure:  # as above
            log.error("ledger_write_failed", rows=len(self._unwritten), **describe(failure))
            await self._catch_up_one_by_one()
        else:
            self._end_all(self._unwritten)
            self._unwritten = []

    async def _catch_up_one_by_one(self) -> None:
        """What cannot be stored stays noted as running: whoever starts next finds it there."""
        while self._unwritten:
            first = self._unwritten[0]
            try:
                await self._give([first.entry])
            except HomeAway:
                return
            except Exception as failure:  # as above
                log.error("call_not_recorded", **describe(failure))
            else:
                self._end_all([first])
            del self._unwritten[0]


def _gathering_seconds(entries: int) -> float:
    return max(GATHER_SECONDS, min(GATHER_MOST, GATHER_AN_ENTRY * entries))


def _still_to_do(entry: Entry) -> Entry:
    """Return what must be stored once that is possible again, of an entry nobody was told is stored."""
    if isinstance(entry.deed, Claim):  # its caller was refused; if it is stored all the same, it must go
        return Entry(deed=Release(entry.deed.promise, entry.deed.task.task_id))
    return entry


def _settle(batch: Sequence[_Waiting], results: Sequence[KeptCall | None]) -> None:
    for one, result in zip(batch, results, strict=True):
        if not one.written.done():  # whoever waited may have gone; it is written all the same
            one.written.set_result(result)


def _refuse(batch: Sequence[_Waiting]) -> None:
    for one in batch:
        if not one.written.done():
            one.written.set_exception(
                NotRecorded("The call was executed, but its outcome could not be recorded. Look before retrying.")
            )


def new_task_id() -> str:
    """Return a new id whose order is the order of time, so that the newest rows lie together."""
    return new_uuid7()
