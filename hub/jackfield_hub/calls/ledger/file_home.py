"""The ledger's home on one machine: usage.db, written by one thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jackfield_hub.calls.ledger import file_store
from jackfield_hub.calls.ledger.shapes import Entry, HomeAway
from jackfield_hub.calls.shapes import KeptCall
from jackfield_hub.database import Database
from jackfield_hub.logs import log
from jackfield_hub.tables import usage


class FileHome:
    """Open it with `await FileHome.open(path)`: the file is made if it is missing."""

    def __init__(self, connection: sqlite3.Connection, rows: Database) -> None:
        self.connection = connection
        self.rows = rows
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    @classmethod
    async def open(cls, path: Path) -> FileHome:
        """Return the home in this file, which nobody else has open. Raises DatabaseAway."""
        rows = Database(f"sqlite:///{path}")
        await rows.add_tables(usage)
        connection = file_store.connect(path)
        lost = file_store.settle(connection)
        if lost:
            log.warning("calls_lost", calls=lost)
        return cls(connection, rows)

    async def write(self, entries: Sequence[Entry]) -> list[KeptCall | None]:
        """Store all of this or nothing. Raises HomeAway, or what sqlite3 raises."""
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, file_store.write, self.connection, entries, "")
        except sqlite3.DatabaseError as failure:
            if file_store.is_away(failure):
                raise HomeAway from failure
            raise

    async def close(self) -> None:
        self._thread.shutdown()
        self.connection.close()
        await self.rows.close()
