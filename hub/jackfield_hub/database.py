"""The database, and one unit of work on it. What differs between SQLite and Postgres is said here and nowhere else.

                      SQLite                                Postgres
who may write         one at a time                         one at a time for each organization
what others see       nothing, until it is stored           the same
organizations apart   by the WHERE of every statement       by that, and by the database's own policies (walls.py)
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, cast
from weakref import WeakValueDictionary

from sqlalchemy import CursorResult, Executable, MetaData, RowMapping, Table, event, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.pool import NullPool

from jackfield_hub.changes import store as changes
from jackfield_hub.changes.shapes import Change, Kind
from jackfield_hub.errors import InvalidInput, Unavailable
from jackfield_hub.logs import describe, log
from jackfield_hub.migrations import upgrade
from jackfield_hub.migrations.walls import EVERY_ORGANIZATION, SETTING, raise_walls
from jackfield_hub.sql_engine import SqlConnection, SqlEngine

BUSY_TIMEOUT_MILLISECONDS = 10_000
CONNECTIONS = 8  # at once; the call path does not use them

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what we acknowledged survives a power cut
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}",
)
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0  # for when not even the server's own limits are heard of any more
_POSTGRES_LIMITS = {
    "application_name": "jackfield",
    "statement_timeout": "30s",
    "lock_timeout": f"{BUSY_TIMEOUT_MILLISECONDS}ms",
    "idle_in_transaction_session_timeout": "60s",  # a hub that was stopped in the middle lets the others go on
    "jit": "off",  # our statements are small: compiling them takes longer than running them
}
# Of SQLSTATE: the first two characters say the kind of trouble.
_AWAY_KINDS = {
    "08",  # the connection broke
    "28",  # the role may not come in any more
    "3D",  # the database is not there
    "40",  # two transactions were in each other's way: one was undone
    "53",  # the disk is full, there are too many connections
    "57",  # the server stops, or it was too slow
    "58",  # the server's disk fails
}
_AWAY_STATES = {
    "25006",  # only for reading: this server is a copy, the real one is elsewhere
    "25P03",  # we were silent for too long inside a transaction
    "55P03",  # somebody else holds a lock for too long
}
_CANNOT_BE_TEXT = {"22021", "22P05"}

_SQLITE_NOW = text("SELECT (julianday('now') - 2440587.5) * 86400.0")
_POSTGRES_NOW = text("SELECT extract(epoch FROM clock_timestamp())")
_WRITING = 0x6A61636B  # "jack": the first half of the keys of our advisory locks
_TAKING_TURNS = 0x7475726E  # "turn": the first half of the keys of turns that have a name
_MIGRATING = 0x6D6F7665  # "move": the second half, where hubs take turns; organizations' are a hash of their id


class DatabaseAway(Unavailable):
    """The database cannot be reached or cannot write: the disk is full, the server restarts."""


class Transaction:
    """One unit of work. All of it is stored when its `async with` block ends well, none of it otherwise."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection
        self.is_postgres = connection.dialect.name == "postgresql"
        self.after_commit: list[Callable[[], None]] = []  #: called once the work is stored; they must not fail
        self.changes: dict[Change, None] = {}  # each once, in this order

    def changed(self, organization_id: str, kind: Kind, key: str = "") -> None:
        """Have every process that remembers this forget it: ours once this is stored, others a moment later."""
        self.changes[Change(organization_id, kind, key)] = None

    async def execute(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement; with `rows`, once for each of them."""
        with _saying_when_it_is_away():
            return await self._connection.execute(statement, rows)

    async def count_changed(self, statement: Executable) -> int:
        """Run an update or delete and return how many rows it met."""
        return (await self.execute(statement)).rowcount

    async def scalar(self, statement: Executable) -> Any:
        """Return the first column of the first row, or None."""
        return (await self.execute(statement)).scalar()

    async def one_or_none(self, statement: Executable) -> RowMapping | None:
        """Return the first row by column names, or None."""
        return (await self.execute(statement)).mappings().first()

    async def now(self) -> float:
        """Return the database's own time, in seconds since 1970: all who share a database agree on it."""
        return float(await self.scalar(_POSTGRES_NOW if self.is_postgres else _SQLITE_NOW))

    async def rows(self, statement: Executable) -> Sequence[RowMapping]:
        """Return all rows by column names."""
        return (await self.execute(statement)).mappings().all()

    async def insert_if_absent(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert a row unless one of the table's unique keys is taken. Return whether it went in."""
        dialect = postgresql if self.is_postgres else sqlite
        insertion = dialect.insert(table).values(**values).on_conflict_do_nothing()
        return await self.count_changed(insertion) == 1

    async def take_turn(self, name: str) -> None:
        """Wait until no other transaction has this turn, and keep it to the end. On SQLite there is no other anyway."""
        if self.is_postgres:
            await self.execute(select(func.pg_advisory_xact_lock(_TAKING_TURNS, func.hashtext(name))))

    async def act_for(self, organization_id: str, *, is_writing: bool) -> None:
        """Let Postgres show and take only this organization's rows, and let its writers come one after the other."""
        if not self.is_postgres:
            return
        steps = [func.set_config(SETTING, organization_id, True)]
        if is_writing and organization_id != EVERY_ORGANIZATION:
            # Services look before they write, and rely on nobody else writing in between, as on SQLite.
            steps.append(func.pg_advisory_xact_lock(_WRITING, func.hashtext(organization_id)))
        await self.execute(select(*steps))


class Database:
    """A SQLite file (`sqlite:///…`) or a Postgres database (`postgresql://…`), and its transactions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._engine = _sqlite_engine(url) if self.is_sqlite else _postgres_engine(url)
        self._writing = asyncio.Lock()
        #: On Postgres, by organization. They go when nobody holds them or waits for them.
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._writers: set[asyncio.Task[Any] | None] = set()
        self._is_silent = False
        self._in_use: set[Any] = set()  # the driver's connections
        if not self.is_sqlite:
            event.listen(self._engine.sync_engine, "checkout", self._take_out)
            event.listen(self._engine.sync_engine, "checkin", self._take_in)
        self.tell: Callable[[Change], None] = lambda change: None  #: called with what our own transactions change

    async def migrate(self) -> None:
        """Bring the tables to the form this version needs. Raises DatabaseAway."""
        await self._change_tables(upgrade)

    async def add_tables(self, tables: MetaData) -> None:
        """Make those of these tables that are missing. Raises DatabaseAway."""
        await self._change_tables(tables.create_all)

    async def _change_tables(self, change: Callable[[Connection], None]) -> None:
        engine = self._engine if self.is_sqlite else _postgres_engine(self.url, is_patient=True)
        async with self._turn_to_write(), _begun(engine) as connection:
            with _saying_when_it_is_away():
                if not self.is_sqlite:  # hubs that start at the same time take turns
                    await connection.execute(select(func.pg_advisory_xact_lock(_WRITING, _MIGRATING)))
                await connection.run_sync(change)
                await connection.run_sync(raise_walls)

    @asynccontextmanager
    async def transaction(self, organization_id: str = EVERY_ORGANIZATION) -> AsyncGenerator[Transaction]:
        """One unit of work that may write; it commits when the block ends. Never wait for a stranger inside."""
        self._say_when_it_is_silent()
        async with self._turn_to_write(organization_id), _begun(self._engine) as connection:
            tx = Transaction(connection)
            await tx.act_for(organization_id, is_writing=True)
            yield tx
            await changes.write_down(tx, tx.changes)
        for change in tx.changes:
            self.tell(change)
        for callback in tx.after_commit:
            callback()

    @asynccontextmanager
    async def reading(self, organization_id: str = EVERY_ORGANIZATION) -> AsyncGenerator[Transaction]:
        """One consistent look that writes nothing, and waits for nobody who does."""
        self._say_when_it_is_silent()
        async with _connected(self._engine) as connection:
            await connection.set_options(_READING_SQLITE if self.is_sqlite else _READING_POSTGRES)
            tx = Transaction(connection)
            await tx.act_for(organization_id, is_writing=False)
            yield tx

    def fall_silent(self) -> None:
        """What somebody has waited for in vain, nobody else need wait for: those who wait now, and those who come."""
        self._is_silent = True
        for connection in list(self._in_use):
            connection.terminate()

    def speak(self) -> None:
        """It answers again."""
        self._is_silent = False

    def _say_when_it_is_silent(self) -> None:
        if self._is_silent:
            raise DatabaseAway("The database does not answer; try again in a moment")

    def _take_out(self, connection: Any, _record: Any, _proxy: Any) -> None:
        self._in_use.add(connection.driver_connection)

    def _take_in(self, connection: Any, _record: Any) -> None:
        if connection is not None:  # None: it was broken, and is given back as nothing
            self._in_use.discard(connection.driver_connection)

    async def ping(self) -> None:
        """Return when the database answers. Raises DatabaseAway."""
        async with self.reading() as tx:
            await tx.execute(select(1))

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _turn_to_write(self, organization_id: str = EVERY_ORGANIZATION) -> AsyncGenerator[None]:
        """Let those who would wait for each other in the database wait here instead.

        SQLite has one writer at a time, and its own way of waiting is to sleep and try again. On Postgres an
        organization has one, and whoever waited there would keep a connection from those who only read.
        """
        writer = asyncio.current_task()
        if writer in self._writers:
            raise RuntimeError("a transaction inside a transaction would wait for itself")
        async with self._queue_of(organization_id):
            self._writers.add(writer)
            try:
                yield
            finally:
                self._writers.discard(writer)

    def _queue_of(self, organization_id: str) -> AbstractAsyncContextManager[object]:
        if self.is_sqlite:
            return self._writing
        if organization_id == EVERY_ORGANIZATION:
            return _no_turn()
        return self._queues.setdefault(organization_id, asyncio.Lock())


_READING_SQLITE: dict[str, Any] = {"is_reading": True}
_READING_POSTGRES: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


@asynccontextmanager
async def _no_turn() -> AsyncGenerator[None]:
    yield


@asynccontextmanager
async def _connected(engine: SqlEngine) -> AsyncGenerator[SqlConnection]:
    with _saying_when_it_is_away():
        connection = await engine.connect()
    try:
        yield connection
    finally:  # what was not committed is undone; a cancelled task must not leave that half done
        await asyncio.shield(asyncio.create_task(connection.close()))


@asynccontextmanager
async def _begun(engine: SqlEngine) -> AsyncGenerator[SqlConnection]:
    async with _connected(engine) as connection:
        with _saying_when_it_is_away():
            await connection.begin()
        yield connection
        with _saying_when_it_is_away():
            await connection.commit()


@contextmanager
def _saying_when_it_is_away() -> Generator[None]:
    """Around what waits for the database, and nothing else: a TimeoutError of ours must not pass for one of its."""
    try:
        yield
    except (DBAPIError, NoConnectionFree, OSError, TimeoutError, *_failures_of_asyncpg()) as failure:
        if _sqlstate(failure) in _CANNOT_BE_TEXT:
            raise InvalidInput("Text with a NUL character cannot be stored") from None
        if not is_away(failure):
            raise
        log.error("database_away", **describe(failure))
        raise DatabaseAway("The database does not answer; try again in a moment") from failure


def is_away(failure: BaseException) -> bool:
    """Say whether what went wrong lies at the database and may soon be over, and not at what it was asked."""
    if isinstance(failure, NoConnectionFree):  # so many ask that some waited for half a minute in vain
        return True
    if isinstance(failure, DBAPIError):
        cause = failure.orig.__cause__ if failure.orig else None
        return (
            failure.connection_invalidated
            or (cause is not None and is_away(cause))
            or (cause is None and isinstance(failure, OperationalError | InterfaceError))
            or type(failure) is DatabaseError  # SQLite: the file is damaged
        )
    return isinstance(failure, OSError | TimeoutError) or ("asyncpg" in sys.modules and _is_away_for_asyncpg(failure))


def _failures_of_asyncpg() -> tuple[type[Exception], ...]:
    """Return none where nobody has loaded it: then it cannot have failed."""
    if "asyncpg" not in sys.modules:
        return ()
    import asyncpg

    return (asyncpg.PostgresError,)


def _is_away_for_asyncpg(failure: BaseException) -> bool:
    import asyncpg

    if isinstance(failure, asyncpg.PostgresError):
        state = _sqlstate(failure)
        is_outdated = isinstance(failure, asyncpg.InvalidCachedStatementError)  # another hub has changed the tables
        return is_outdated or state in _AWAY_STATES or state[:2] in _AWAY_KINDS
    # Of its own complaints, a value of the wrong type is our mistake; the others are about the connection.
    is_complaint = isinstance(failure, asyncpg.InterfaceError | asyncpg.InternalClientError)
    return is_complaint and not isinstance(failure, asyncpg.DataError)


def _sqlstate(failure: BaseException) -> str:
    return getattr(failure.orig if isinstance(failure, DBAPIError) else failure, "sqlstate", None) or ""


def _postgres_engine(url: str, *, is_patient: bool = False) -> SqlEngine:
    """Return an engine; a patient one waits for ever, for changes of tables."""
    engine = SqlEngine(
        "postgresql+asyncpg://",
        partial(open_postgres, url, is_patient=is_patient),
        hide_parameters=True,
        **({"poolclass": NullPool} if is_patient else {"pool_size": CONNECTIONS}),
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


async def open_postgres(url: str, *, is_patient: bool = False, also: Mapping[str, str] | None = None) -> Any:
    """Return a connection of asyncpg, which reads the URL as libpq does (`?sslmode=…`). Raises what asyncpg raises.

    `also` are more of the server's settings for this connection.
    """
    import asyncpg  # 3 MB that only a hub on Postgres pays for

    return await cast("Any", asyncpg).connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=None if is_patient else ANSWER_SECONDS,
        server_settings={**({} if is_patient else _POSTGRES_LIMITS), **(also or {})},
    )


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    # The server was restarted while nobody used this connection. The pool takes another, and nobody asks in advance.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _sqlite_engine(url: str) -> SqlEngine:
    address = make_url(url).set(drivername="sqlite+aiosqlite")
    # isolation_level None: Python's driver starts no transaction by itself. We say BEGIN, and which kind.
    engine = SqlEngine(address, pool_size=CONNECTIONS, connect_args={"isolation_level": None}, hide_parameters=True)
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
