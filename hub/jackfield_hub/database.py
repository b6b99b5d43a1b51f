"""The database, and one unit of work on it. What differs between SQLite and Postgres is said here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import CursorResult, Executable, RowMapping, Table, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from jackfield_hub.errors import Unavailable
from jackfield_hub.logs import describe, log
from jackfield_hub.migrations import upgrade

BUSY_TIMEOUT_MILLISECONDS = 10_000
CONNECTIONS = 8  # at once; the call path does not use them

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what we acknowledged survives a power cut
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}",
)

_SQLITE_NOW = text("SELECT (julianday('now') - 2440587.5) * 86400.0")
_POSTGRES_NOW = text("SELECT extract(epoch FROM clock_timestamp())")


class DatabaseAway(Unavailable):
    """The database cannot be reached or cannot write: the disk is full, the server restarts."""


class Transaction:
    """One unit of work. All of it is stored when its `async with` block ends well, none of it otherwise."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.after_commit: list[Callable[[], None]] = []  #: called once the work is stored; they must not fail

    async def execute(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement; with `rows`, once for each of them."""
        return await self._connection.execute(statement, rows)

    async def count_changed(self, statement: Executable) -> int:
        """Run an update or delete and return how many rows it met."""
        return (await self.execute(statement)).rowcount

    async def scalar(self, statement: Executable) -> Any:
        """Return the first column of the first row, or None."""
        return await self._connection.scalar(statement)

    async def one_or_none(self, statement: Executable) -> RowMapping | None:
        """Return the first row by column names, or None."""
        return (await self.execute(statement)).mappings().first()

    async def now(self) -> float:
        """Return the database's own time, in seconds since 1970: all who share a database agree on it."""
        is_postgres = self._connection.dialect.name == "postgresql"
        return float(await self.scalar(_POSTGRES_NOW if is_postgres else _SQLITE_NOW))

    async def rows(self, statement: Executable) -> Sequence[RowMapping]:
        """Return all rows by column names."""
        return (await self.execute(statement)).mappings().all()

    async def insert_if_absent(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert a row unless one of the table's unique keys is taken. Return whether it went in."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        insertion = dialect.insert(table).values(**values).on_conflict_do_nothing()
        return await self.count_changed(insertion) == 1


class Database:
    """A SQLite file (`sqlite:///…`) or a Postgres database (`postgresql://…`), and its transactions."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self._engine = _sqlite_engine(url) if self.is_sqlite else _postgres_engine(url)
        self._writing = asyncio.Lock()
        self._writer: asyncio.Task[Any] | None = None

    async def migrate(self) -> None:
        """Bring the tables to the form this version needs. Raises DatabaseAway."""
        async with self._turn_to_write(), _saying_when_it_is_away(), self._engine.begin() as connection:
            await connection.run_sync(upgrade)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """One unit of work that may write; it commits when the block ends. Never wait for a stranger inside."""
        async with self._turn_to_write(), _saying_when_it_is_away(), self._engine.begin() as connection:
            tx = Transaction(connection)
            yield tx
        for callback in tx.after_commit:
            callback()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Transaction]:
        """One consistent look that writes nothing, and waits for nobody who does."""
        async with _saying_when_it_is_away(), self._engine.connect() as connection:
            if self.is_sqlite:
                await connection.execution_options(is_reading=True)
            yield Transaction(connection)

    async def ping(self) -> None:
        """Return when the database answers. Raises DatabaseAway."""
        async with self.reading() as tx:
            await tx.execute(select(1))

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _turn_to_write(self) -> AsyncGenerator[None]:
        """SQLite has one writer at a time. Ours queue up here: its own way of waiting is to sleep and try again."""
        if not self.is_sqlite:
            yield
            return
        if self._writer is asyncio.current_task():
            raise RuntimeError("a transaction inside a transaction would wait for itself")
        async with self._writing:
            self._writer = asyncio.current_task()
            try:
                yield
            finally:
                self._writer = None


@asynccontextmanager
async def _saying_when_it_is_away() -> AsyncGenerator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as failure:
        log.error("database_away", **describe(failure))
        raise DatabaseAway("The database does not answer; try again in a moment") from failure


def _postgres_engine(url: str) -> AsyncEngine:
    address = make_url(url).set(drivername="postgresql+asyncpg")
    return create_async_engine(address, pool_size=CONNECTIONS, hide_parameters=True)


def _sqlite_engine(url: str) -> AsyncEngine:
    address = make_url(url).set(drivername="sqlite+aiosqlite")
    # isolation_level None: Python's driver starts no transaction by itself. We say BEGIN, and which kind.
    engine = create_async_engine(
        address, pool_size=CONNECTIONS, connect_args={"isolation_level": None}, hide_parameters=True
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the write lock at once: a reader that becomes a writer later may be refused instead of waiting.
    is_reading = connection.get_execution_options().get("is_reading", False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")
