"""How a process learns what others have changed in the database: woken when something was stored, it looks what.

    SQLite      PRAGMA data_version, every 50 ms: a number in shared memory that others' commits change
    Postgres    LISTEN, and a look every two seconds in case a notification was lost on its way

Both on a connection of their own: however busy the others are, this look is never late.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from typing import Any, Protocol

from jackfield_hub.changes.shapes import Change, Kind
from jackfield_hub.changes.store import CHANNEL
from jackfield_hub.clock import SharedClock
from jackfield_hub.database import open_postgres
from jackfield_hub.migrations.walls import EVERY_ORGANIZATION, SETTING

GLANCE_SECONDS = 0.05
LOOK_SECONDS = 2.0
MAX_CHANGES = 1000  # in one look

_NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"
_ASKED_COLUMNS = "organization_id, kind, key"


class Outlook(Protocol):
    """A connection that sees what others change. Any method may fail in any way when the database is away."""

    async def open(self) -> None:
        """Connect. What is changed from here on is seen."""
        ...

    async def wait(self) -> None:
        """Return when something may have changed, and at the latest when it is time to look anyway."""
        ...

    async def look(self) -> list[Change]:
        """Return what was changed since the last look; more than `MAX_CHANGES` take several."""
        ...

    async def close(self) -> None: ...


def outlook_on(database_url: str, clock: SharedClock) -> Outlook:
    """Return an outlook on this database, not connected yet. On Postgres it sets the clock."""
    if database_url.startswith("sqlite"):
        return SqliteOutlook(database_url.removeprefix("sqlite:///"))
    return PostgresOutlook(database_url, clock)


class SqliteOutlook:
    """Looks at the file. Every step takes microseconds and waits for nobody, so it happens on the event loop."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version = self._last = 0

    async def open(self) -> None:
        await self.close()
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
        self._connection = connection
        self._version = self._read("PRAGMA data_version")
        self._last = self._read("SELECT coalesce(max(seq), 0) FROM changes")

    async def wait(self) -> None:
        await asyncio.sleep(GLANCE_SECONDS)

    async def look(self) -> list[Change]:
        version = self._read("PRAGMA data_version")
        if version == self._version:
            return []
        found = self._open_connection.execute(
            f"SELECT seq, {_ASKED_COLUMNS} FROM changes WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608 - ours
            (self._last, MAX_CHANGES),
        ).fetchall()
        if len(found) < MAX_CHANGES:
            self._version = version
        self._last = found[-1][0] if found else self._last
        return [Change(organization_id, Kind(kind), key) for _, organization_id, kind, key in found]

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None, "open it first"
        return self._connection

    def _read(self, statement: str) -> int:
        return self._open_connection.execute(statement).fetchone()[0]


class PostgresOutlook:
    """Listens. Transactions commit in another order than they write, so a look goes by what was visible before."""

    _CHANGES = f"""
        SELECT pg_current_snapshot()::text AS seen, {_ASKED_COLUMNS} FROM changes
        WHERE transaction_id >= pg_snapshot_xmin($1::text::pg_snapshot)::text::bigint
        AND NOT pg_visible_in_snapshot(transaction_id::text::xid8, $1::text::pg_snapshot)
        ORDER BY seq
    """  # noqa: S608 - ours

    def __init__(self, database_url: str, clock: SharedClock) -> None:
        self._url = database_url
        self._clock = clock
        self._connection: Any = None
        self._rung = asyncio.Event()
        self._seen = ""

    async def open(self) -> None:
        await self.close()
        self._connection = await open_postgres(self._url, also={SETTING: EVERY_ORGANIZATION})
        self._connection.add_termination_listener(self._ring)
        await self._connection.add_listener(CHANNEL, self._ring)
        self._seen = await self._connection.fetchval("SELECT pg_current_snapshot()::text")

    def _ring(self, *_: Any) -> None:
        self._rung.set()

    async def wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._rung.wait()

    async def look(self) -> list[Change]:
        self._rung.clear()
        self._clock.set(await self._connection.fetchval(_NOW))
        found = await self._connection.fetch(self._CHANGES, self._seen)
        if found:
            self._seen = found[0]["seen"]
        return [Change(row["organization_id"], Kind(row["kind"]), row["key"]) for row in found]

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
