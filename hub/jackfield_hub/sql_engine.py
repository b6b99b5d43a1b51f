"""SQLAlchemy's engine and its connections, awaited.

`sqlalchemy.ext.asyncio` does the same, and loads the whole ORM, which we do not use: 6 MB in every hub.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, create_engine
from sqlalchemy.engine import URL, Connection, Dialect
from sqlalchemy.util import greenlet_spawn

Found = TypeVar("Found")
OpenConnection = Callable[[], Awaitable[Any]]


class SqlEngine:
    """Where connections come from: a pool. `open_connection`, if given, opens those of the driver."""

    def __init__(self, url: URL | str, open_connection: OpenConnection | None = None, **options: Any) -> None:
        if open_connection is not None:
            options["creator"] = lambda: self._adapted(open_connection)
        self.sync_engine = create_engine(url, **options)

    async def connect(self) -> SqlConnection:
        return SqlConnection(await greenlet_spawn(self.sync_engine.connect))

    async def dispose(self) -> None:
        """Close all connections nobody uses."""
        await greenlet_spawn(self.sync_engine.dispose)

    def _adapted(self, open_connection: OpenConnection) -> Any:
        """Return a new connection of the driver as SQLAlchemy wants it: it speaks to this one as if it never waited."""
        driver: Any = self.sync_engine.dialect.dbapi
        return driver.connect(async_creator_fn=open_connection)


class SqlConnection:
    """One connection, given back to its pool with `close`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return await greenlet_spawn(self._connection.execute, statement, rows)

    async def set_options(self, options: Mapping[str, Any]) -> None:
        await greenlet_spawn(self._connection.execution_options, **options)

    async def begin(self) -> None:
        await greenlet_spawn(self._connection.begin)

    async def commit(self) -> None:
        await greenlet_spawn(self._connection.commit)

    async def close(self) -> None:
        """Undo what was not committed, and give the connection back."""
        await greenlet_spawn(self._connection.close)

    async def run_sync(self, work: Callable[[Connection], Found]) -> Found:
        """Call a function that speaks to SQLAlchemy's own connection and does not know that it waits."""
        return await greenlet_spawn(work, self._connection)
