"""The task ledger: every executed call is on the disk, once, before it is answered.

    call ── record ──┐
    call ── record ──┼─→ waiting ─→ one writer thread: one transaction, one fsync ─→ all of them go on
    call ── record ──┘

Rows that arrive while the disk is busy share the next transaction: under load the ledger commits less often, not later.
"""

import asyncio
import os
import sqlite3
import threading
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from jackfield_hub.calls import store
from jackfield_hub.calls.shapes import KeptCall, Task
from jackfield_hub.errors import Refused, Unavailable
from jackfield_hub.idempotency.shapes import KEPT_SECONDS, Promise

WAITING_LIMIT = 10_000
GATHER_SECONDS = 0.0005
RETRY_SECONDS = 1.0  # how often we try to write what a full disk did not take
BUSY_BATCH = 2  # above this many rows in a batch there is load, and it pays to gather a little longer

log = structlog.get_logger()


class LedgerBehind(Unavailable):
    """More calls wait for their record than the disk can follow. Nothing was executed."""


class NotRecorded(Refused):
    """The call was executed but its record could not be written, so its outcome is not answered."""

    code = "not_recorded"
    status = 500


class CannotPromise(Unavailable):
    """The call's Idempotency-Key could not be written down. Nothing was executed."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What waits for the writer. `written` gets what `work` gives."""

    written: asyncio.Future[Any]
    task: Task | None = None
    work: store.Work | None = None


class Ledger:
    """Writes tasks on a thread of its own. Open it with `Ledger.open(path)`, close it with `await close()`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._wake = threading.Condition()
        self._waiting: list[_Entry] = []
        self._unwritten: list[_Entry] = []  #: executed, but the disk did not take it yet
        self._is_closing = False
        self._writer = threading.Thread(target=self._write_until_closed, name="ledger", daemon=True)

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """Return a ledger that keeps its rows in this file, made if it is missing."""
        connection = store.connect(path)
        store.create_tables(connection)
        lost = store.settle(connection)
        if lost:
            log.warning("calls_lost", calls=lost)
        ledger = cls(path, connection)
        ledger._writer.start()
        return ledger

    async def close(self) -> None:
        """Write what waits, then stop."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        await asyncio.to_thread(self._writer.join)

    @property
    def waiting(self) -> int:
        """How many tasks the writer has not taken yet."""
        return len(self._waiting)

    def admit(self) -> None:
        """Ask before a call is executed, so that what was executed can always be recorded. Raises LedgerBehind."""
        if self.waiting >= WAITING_LIMIT:
            raise LedgerBehind("The hub is busy. Nothing was executed; try again in a second.")
        if self._unwritten:
            raise LedgerBehind("The hub cannot write: is its disk full? Nothing was executed; try again in a moment.")

    async def record(self, task: Task, promise: Promise | None = None, output: bytes = b"") -> None:
        """Return when the task is on the disk, and with it what its promise was about. Raises NotRecorded."""
        await self.enter(task, promise, output)

    def enter(self, task: Task, promise: Promise | None = None, output: bytes = b"") -> asyncio.Future[None]:
        """Hand the task to the writer. The future is done when it is on the disk, or holds NotRecorded."""
        work = (
            None if promise is None else partial(store.complete, promise=promise, outcome=task.outcome, output=output)
        )
        return self._hand_over(task, work)

    async def find_kept(self, promise: Promise, now: float) -> KeptCall | None:
        """Return what is known of a call with this key, or None."""
        return await asyncio.to_thread(self._find_kept, promise, now - KEPT_SECONDS)

    async def claim(self, promise: Promise, task: Task, *, may_redo: bool) -> KeptCall | None:
        """Return None when the call may be run: that it was begun is on the disk. Else what is known of it.

        `task` is what will be in the ledger if the hub dies before the call ends. Raises CannotPromise.
        """
        since = task.started_at - KEPT_SECONDS
        work = partial(store.claim, promise=promise, task=task, since=since, may_redo=may_redo)
        try:
            return await self._hand_over(None, work)
        except NotRecorded:
            raise CannotPromise("The hub cannot write. Nothing was executed; try again in a moment.") from None

    async def release(self, promise: Promise) -> None:
        """Forget a claim: nothing was run. Raises NotRecorded."""
        await self._hand_over(None, partial(store.release, promise=promise))

    def _hand_over(self, task: Task | None, work: store.Work | None) -> asyncio.Future[Any]:
        written = asyncio.get_running_loop().create_future()
        with self._wake:
            if self._is_closing:
                raise NotRecorded("The hub is stopping; the call's outcome was not recorded.")
            self._waiting.append(_Entry(written, task, work))
            self._wake.notify()
        return written

    def _find_kept(self, promise: Promise, since: float) -> KeptCall | None:
        with closing(store.connect(self._path)) as connection:
            return store.find_promise(connection, promise, since)

    async def count(self, organization_id: str) -> int:
        """Return how many tasks this organization has used."""
        return await asyncio.to_thread(self._count, organization_id)

    def _count(self, organization_id: str) -> int:
        with closing(store.connect(self._path)) as connection:
            return store.count_tasks(connection, organization_id)

    def _write_until_closed(self) -> None:
        batch: list[_Entry] = []
        while self._wait_for_entries():
            if len(batch) > BUSY_BATCH:
                time.sleep(GATHER_SECONDS)
            self._catch_up()
            batch = self._take()
            if batch:
                self._write(batch)
        self._catch_up()
        if self._unwritten:
            log.error("calls_not_recorded", calls=len(self._unwritten))
        self._connection.close()

    def _wait_for_entries(self) -> bool:
        patience = RETRY_SECONDS if self._unwritten else None
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._is_closing, patience)
            return bool(self._waiting) or not self._is_closing

    def _take(self) -> list[_Entry]:
        # Under the lock: an entry added between reading the list and replacing it would never be written.
        with self._wake:
            batch, self._waiting = self._waiting, []
        return batch

    def _write(self, batch: list[_Entry]) -> None:
        mistake: NotRecorded | None = None
        results: list[Any] = []
        try:
            results = self._write_all(batch)
        except Exception as error:  # the writer outlives every failure, or every later call would wait for ever
            log.error("ledger_write_failed", rows=len(batch), error=type(error).__name__)
            if isinstance(error, sqlite3.OperationalError):
                self._unwritten += [entry for entry in batch if entry.task is not None]
            mistake = NotRecorded("The call was executed, but its outcome could not be recorded. Look before retrying.")
        batch[0].written.get_loop().call_soon_threadsafe(_settle, batch, results, mistake)

    def _catch_up(self) -> None:
        """Write what was executed while the disk was full. Until that is done, nothing more is executed."""
        if not self._unwritten:
            return
        try:
            self._write_all(self._unwritten)
        except sqlite3.OperationalError:
            return  # still full
        except sqlite3.Error as error:
            log.error("calls_not_recorded", calls=len(self._unwritten), error=type(error).__name__)
        self._unwritten = []

    def _write_all(self, entries: list[_Entry]) -> list[Any]:
        tasks = [entry.task for entry in entries if entry.task is not None]
        return store.write(self._connection, tasks, [entry.work for entry in entries if entry.work is not None])


def _settle(batch: list[_Entry], results: list[Any], mistake: NotRecorded | None) -> None:
    given = iter(results)
    for entry in batch:
        result = next(given, None) if entry.work is not None else None
        if entry.written.done():  # whoever waited has gone; the row is written all the same
            continue
        if mistake is None:
            entry.written.set_result(result)
        else:
            entry.written.set_exception(mistake)


def new_task_id() -> str:
    """Return a new id whose order is the order of time (UUID version 7), so that the newest rows lie together."""
    milliseconds = int(time.time() * 1000).to_bytes(6)
    random = bytearray(os.urandom(10))
    random[0] = 0x70 | random[0] & 0x0F
    random[2] = 0x80 | random[2] & 0x3F
    return str(uuid.UUID(bytes=milliseconds + bytes(random)))
