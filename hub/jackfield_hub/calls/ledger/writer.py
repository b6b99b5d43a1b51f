"""The ledger writer: one process that writes usage.db for all api processes of a hub.

    api 1 ── batch ──┐
    api 2 ── batch ──┴─▶ waiting ─▶ one transaction, one fsync ─▶ each hears what became of its batch

SQLite has one writer at a time, and several that take turns sleep more than they write.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jackfield_hub.calls.ledger import file_store, wire
from jackfield_hub.calls.ledger.shapes import Entry
from jackfield_hub.calls.ledger.wire import Fate
from jackfield_hub.calls.shapes import KeptCall
from jackfield_hub.database import Database
from jackfield_hub.logs import describe, log
from jackfield_hub.tables import usage

RETRY_SECONDS = 1.0  # how often we try to settle what a full disk did not take


@dataclass(frozen=True, slots=True)
class _Batch:
    owner: str
    entries: Sequence[Entry]
    written: asyncio.Future[tuple[Fate, list[KeptCall | None]]]


class LedgerWriter:
    """Open it with `await LedgerWriter.open(…)`, let it `serve`, and `close` it when nobody is left."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._waiting: list[_Batch] = []
        self._wake = asyncio.Event()
        self._lines: Counter[str] = Counter()  #: open lines by the name of the process at the other end
        self._line_ended = asyncio.Condition()
        self._serving: set[asyncio.Task[Any]] = set()
        self._writing = asyncio.create_task(self._write_for_ever(), name="ledger")
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, path: Path, living: Sequence[str]) -> LedgerWriter:
        """Return the writer of this file. What others than the living processes were running is settled."""
        rows = Database(f"sqlite:///{path}")
        await rows.add_tables(usage)
        await rows.close()
        writer = cls(file_store.connect(path))
        await writer._settle(file_store.settle_all_but, living)
        return writer

    async def serve(self, listener: socket.socket) -> None:
        """Take what api processes say, from now on."""
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    def settle(self, process: str) -> None:
        """That api process is gone: write down what it was running, once all it has said is stored."""
        self._keep(asyncio.create_task(self._settle_after_last_words(process)))

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in (*self._serving, self._writing):
            task.cancel()
        await asyncio.wait([*self._serving, self._writing])
        self._thread.shutdown()
        self._connection.close()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._keep(task)
        owner = ""
        try:
            owner = (await wire.read_frame(reader))["owner"]
            self._lines[owner] += 1
            while True:
                fate, results = await self._hand_over(owner, await wire.read_frame(reader))
                writer.write(wire.frame([fate, results]))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # it is gone
        finally:
            writer.close()
            await self._note_end_of_line(owner)

    async def _note_end_of_line(self, owner: str) -> None:
        async with self._line_ended:
            self._lines -= Counter([owner])  # drops what is at zero
            self._line_ended.notify_all()

    async def _hand_over(self, owner: str, said: Sequence[Any]) -> tuple[Fate, list[KeptCall | None]]:
        try:
            entries = [wire.entry_of(one) for one in said]
        except Exception as failure:  # of another version than we, while a hub is being updated
            log.error("ledger_not_understood", rows=len(said), **describe(failure))
            return Fate.BROKEN, []
        written = asyncio.get_running_loop().create_future()
        self._waiting.append(_Batch(owner, entries, written))
        self._wake.set()
        return await written

    async def _settle_after_last_words(self, process: str) -> None:
        async with self._line_ended:
            await self._line_ended.wait_for(lambda: process not in self._lines)
        while True:
            try:
                return await self._settle(file_store.settle, process)
            except sqlite3.Error as failure:
                log.error("ledger_not_settled", **describe(failure))
            await asyncio.sleep(RETRY_SECONDS)

    async def _settle(self, how: Any, which: Any) -> None:
        lost = await self._on_thread(how, self._connection, which)
        if lost:
            log.warning("calls_lost", calls=lost)

    async def _write_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batches, self._waiting = self._waiting, []
            if batches:
                await self._write_or_refuse(batches)

    async def _write_or_refuse(self, batches: Sequence[_Batch]) -> None:
        try:
            await self._write(batches)
        except Exception as failure:  # the writer outlives every failure, or nobody would be answered any more
            log.error("ledger_failed", **describe(failure))
        finally:
            _answer(batches, Fate.BROKEN, [[] for _ in batches])  # those who have been answered do not hear it

    async def _write(self, batches: Sequence[_Batch]) -> None:
        try:
            said = [(batch.owner, batch.entries) for batch in batches]
            results = await self._on_thread(file_store.write_batches, self._connection, said)
        except Exception as failure:
            if isinstance(failure, sqlite3.Error) and file_store.is_away(failure):
                log.error("ledger_away", **describe(failure))
                _answer(batches, Fate.AWAY, [[] for _ in batches])
                return
            log.error("ledger_write_failed", **describe(failure))
            await self._write_one_by_one(batches)
        else:
            _answer(batches, Fate.STORED, results)

    async def _write_one_by_one(self, batches: Sequence[_Batch]) -> None:
        """There is something in one of them that cannot be stored. The others shall not suffer."""
        if len(batches) == 1:
            _answer(batches, Fate.BROKEN, [[]])
        else:
            for batch in batches:
                await self._write([batch])

    async def _on_thread(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _answer(batches: Sequence[_Batch], fate: Fate, results: Sequence[list[KeptCall | None]]) -> None:
    for batch, given in zip(batches, results, strict=True):
        with suppress(asyncio.InvalidStateError):  # its process is gone
            batch.written.set_result((fate, given))
