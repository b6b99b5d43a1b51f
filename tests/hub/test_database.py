"""The database: all of a unit of work or nothing, one writer after the other, and tables as tables.py says."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, func, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable

from jackfield_hub.database import Database, DatabaseAway, Transaction
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Role
from jackfield_hub.migrations import FOLDER
from jackfield_hub.migrations.__main__ import write_step
from jackfield_hub.migrations.stairs import take_steps
from jackfield_hub.settings import Settings
from jackfield_hub.tables import metadata, organizations, users
from tests.hub.people import Person, role_id
from tests.hub.stored import IS_POSTGRES, stored_values

WRITER = """
import asyncio, sys
from sqlalchemy import insert
from jackfield_hub.database import Database
from jackfield_hub.migrations import FOLDER
from jackfield_hub.migrations.__main__ import write_step
from jackfield_hub.tables import organizations

async def main():
    database = Database(sys.argv[1])
    for number in range(50):
        async with database.transaction() as tx:
            await tx.execute(insert(organizations).values(id=f"{sys.argv[2]}-{number}", name="x", created_at=0))
    await database.close()

asyncio.run(main())
"""


INDEXES = (
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname"
    if IS_POSTGRES
    else "SELECT sql FROM sqlite_master ORDER BY name"
)

FORMS = (
    (
        "SELECT table_name, column_name, is_nullable, character_maximum_length, column_default, data_type "
        "FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
        "FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT tablename, policyname, qual FROM pg_policies",
        "SELECT version_num FROM alembic_version",
    )
    if IS_POSTGRES
    else ("SELECT type, name, sql FROM sqlite_master", "SELECT version_num FROM alembic_version")
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "core.db"


@pytest.fixture
async def database(empty_database: str) -> AsyncGenerator[Database]:
    database = Database(empty_database)
    await database.migrate()
    yield database
    await database.close()


async def add(tx: Transaction, organization_id: str) -> None:
    await tx.execute(insert(organizations).values(id=organization_id, name="x", created_at=0))


async def count(database: Database) -> int:
    async with database.reading() as tx:
        return await tx.scalar(select(func.count()).select_from(organizations))


@pytest.fixture
async def stepped(new_database: Callable[[], str], tmp_path: Path) -> AsyncGenerator[Database]:
    """A database that has taken one step after the other, as old ones have."""
    database = Database(new_database() or f"sqlite:///{tmp_path / 'stepped.db'}")
    await database._change_tables(take_steps)  # pyright: ignore[reportPrivateUsage] - `migrate` takes a shorter way
    yield database
    await database.close()


async def forms(database: Database) -> set[tuple[Any, ...]]:
    """Return all that a database knows of its tables, in no order."""
    async with database.reading() as tx:
        rows = [row for question in FORMS for row in await tx.execute(text(question))]
    return {(*row[:-1], frozenset(line.strip(" \t,") for line in str(row[-1]).splitlines())) for row in rows}


async def test_the_steps_lead_to_exactly_the_tables_of_the_code(stepped: Database) -> None:
    def compare(connection: Connection) -> tuple[Any, set[str]]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, metadata), {row[0] for row in connection.execute(text(INDEXES))}

    connection = await stepped._engine.connect()  # pyright: ignore[reportPrivateUsage] - alembic compares over one of these
    differences, indexes = await connection.run_sync(compare)
    await connection.close()

    assert differences == [], "write the step for it: python -m jackfield_hub.migrations 'What changed'"
    assert any(sql and "UNIQUE" in sql and "state" in sql and "'Deploying'" in sql for sql in indexes)


async def test_a_new_database_has_exactly_the_tables_the_steps_lead_to(database: Database, stepped: Database) -> None:
    assert await forms(database) == await forms(stepped)


async def test_migrating_twice_changes_nothing(database: Database, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database=database.url)
    before = stored_values(settings, INDEXES)

    await database.migrate()

    assert stored_values(settings, INDEXES) == before


def test_the_next_step_is_written_from_the_tables_of_the_code(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder)
    for path in (folder / "versions").glob("*.py"):
        path.unlink()

    write_step("The first tables", folder)
    write_step("Nothing new", folder)

    first, second = (
        (folder / "versions" / name).read_text() for name in ("0001_the_first_tables.py", "0002_nothing_new.py")
    )
    assert first.count("op.create_table(") == len(metadata.tables)
    assert "down_revision = '0001'" in second
    assert "op.create_table(" not in second


def test_postgres_takes_the_same_tables() -> None:
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect()))
        names = [str(index.name) for index in table.indexes] + [str(key.name) for key in table.constraints]
        assert all(len(name) <= 63 for name in names), "Postgres cuts longer names off"
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))


async def test_a_unit_of_work_is_stored_whole_or_not_at_all(database: Database) -> None:
    async def fail_half_way() -> None:
        async with database.transaction() as tx:
            await add(tx, "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()

    assert await count(database) == 0


async def test_what_is_to_happen_after_the_commit_happens_only_then(database: Database) -> None:
    happened: list[str] = []

    async def fail() -> None:
        async with database.transaction() as tx:
            tx.after_commit.append(lambda: happened.append("never"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.transaction() as tx:
        tx.after_commit.append(lambda: happened.append("stored"))
        assert happened == []

    assert happened == ["stored"]


async def test_a_reader_sees_one_state_and_waits_for_nobody(database: Database) -> None:
    async with database.reading() as reader:
        assert await reader.scalar(select(func.count()).select_from(organizations)) == 0
        async with database.transaction() as tx:
            await add(tx, "a")
        assert await reader.scalar(select(func.count()).select_from(organizations)) == 0

    assert await count(database) == 1


async def test_writers_for_one_organization_take_turns(database: Database) -> None:
    async with database.transaction() as tx:
        await add(tx, "a")

    async def write(number: int) -> None:
        async with database.transaction("a") as tx:
            before = await tx.scalar(select(func.count()).select_from(users))
            await asyncio.sleep(0)
            values = {"organization_id": "a", "kind": "member", "name": "x", "is_test": False, "created_at": 0}
            await tx.execute(insert(users).values(id=f"{number}-after-{before}", **values))

    await asyncio.gather(*(write(number) for number in range(60)))

    async with database.reading() as tx:
        rows = await tx.rows(select(users.c.id))
    assert sorted(int(row["id"].rpartition("-")[2]) for row in rows) == list(range(60))


async def test_writers_of_two_processes_wait_for_each_other(database: Database) -> None:
    program = [sys.executable, "-c", WRITER, database.url]

    writers = [await asyncio.create_subprocess_exec(*program, name) for name in ("first", "second")]

    assert [await asyncio.wait_for(writer.wait(), 60) for writer in writers] == [0, 0]
    assert await count(database) == 100


async def test_a_cancelled_unit_of_work_leaves_nothing_and_nothing_locked(database: Database) -> None:
    async def work(number: int) -> None:
        async with database.transaction() as tx:
            await add(tx, str(number))
            await asyncio.sleep(60)

    for number in range(20):
        task = asyncio.create_task(work(number))
        await asyncio.sleep(0.001 * number)  # a different moment each time
        task.cancel()
        await asyncio.wait([task])

    async with asyncio.timeout(20), database.transaction() as tx:
        await add(tx, "last")
    assert await count(database) == 1


async def test_a_transaction_inside_a_transaction_is_a_mistake_not_a_standstill(database: Database) -> None:
    async with database.transaction():
        with pytest.raises(RuntimeError, match="inside a transaction"):
            async with database.transaction():
                pass


async def test_a_row_goes_in_once(database: Database) -> None:
    user = {"organization_id": "a", "kind": "member", "name": "x", "is_test": False, "created_at": 0}
    async with database.transaction() as tx:
        await add(tx, "a")

        assert await tx.insert_if_absent(users, {"id": "1", "email": "x@example.com", **user})
        assert not await tx.insert_if_absent(users, {"id": "2", "email": "x@example.com", **user})


async def test_a_row_of_no_organization_is_refused(database: Database) -> None:
    async def add_stray() -> None:
        async with database.transaction() as tx:
            stray = {"id": "1", "organization_id": "nobody", "kind": "member", "name": "x", "created_at": 0}
            await tx.execute(insert(users).values(**stray))

    with pytest.raises(IntegrityError) as refusal:
        await add_stray()
    assert "nobody" not in str(refusal.value), "values may be secrets"


@pytest.mark.skipif(IS_POSTGRES, reason="it is about SQLite's files")
async def test_what_is_acknowledged_survives_a_power_cut(database: Database, path: Path, tmp_path: Path) -> None:
    async with database.transaction() as tx:
        await add(tx, "a")
    async with database.reading() as tx:
        modes = [await tx.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")]

    copy = tmp_path / "after-the-cut.db"
    shutil.copy(path, copy)
    shutil.copy(path.with_name(f"{path.name}-wal"), copy.with_name(f"{copy.name}-wal"))

    assert modes == ["wal", 2, 1]
    with sqlite3.connect(copy) as connection:
        assert connection.execute("select count(*) from organizations").fetchone() == (1,)


async def test_a_database_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/no/such/folder/core.db")

    with pytest.raises(DatabaseAway) as refusal:
        await database.ping()

    assert refusal.value.status == 503
    assert str(tmp_path) not in refusal.value.message


async def test_whoever_waits_in_vain_for_a_connection_is_told_to_come_back(database: Database) -> None:
    pool: Any = database._engine.sync_engine.pool
    pool._timeout = 0.05  # instead of half a minute
    everybody = asyncio.Event()

    async def look() -> None:
        async with database.reading():
            await everybody.wait()

    looking = [asyncio.create_task(look()) for _ in range(40)]
    done, _ = await asyncio.wait(looking, return_when=asyncio.FIRST_EXCEPTION)
    everybody.set()
    found = await asyncio.gather(*looking, return_exceptions=True)

    assert done
    assert {type(one) for one in found} == {type(None), DatabaseAway}


@pytest.mark.skipif(IS_POSTGRES, reason="it is about SQLite's files")
async def test_f12_a_full_disk_refuses_whoever_writes_and_serves_whoever_reads(hub: Hub, alice: Person) -> None:
    engine = hub.database._engine.sync_engine  # pyright: ignore[reportPrivateUsage]

    def be_full(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1").close()  # SQLite makes it as many as there are

    await hub.database.close()
    event.listen(engine, "connect", be_full)
    answers = [await alice.post("/core/v1/users", new_user(number)) for number in range(150)]
    seen = (await alice.get("/core/v1/users?first=1000")).json["elements"]

    assert {answer.status for answer in answers} == {200, 503}
    assert sum(answer.status == 200 for answer in answers) == sum(one["name"].startswith("x" * 90) for one in seen)
    event.remove(engine, "connect", be_full)
    await hub.database.close()
    assert (await alice.post("/core/v1/users", new_user(150))).status == 200


def new_user(number: int) -> dict[str, str]:
    email = f"user-{number}@example.com"
    return {"name": "x" * 90 + str(number), "email": email, "organizationRoleId": role_id(Role.CONTRIBUTOR)}


async def test_those_who_wait_to_write_keep_nobody_from_reading(database: Database) -> None:
    may_end = asyncio.Event()

    async def write() -> None:
        async with database.transaction("of one organization"):
            await may_end.wait()

    writing = [asyncio.create_task(write()) for _ in range(40)]  # more than there are connections
    await asyncio.sleep(0.1)
    async with asyncio.timeout(10), database.reading() as tx:
        assert await tx.scalar(text("SELECT 1")) == 1
    may_end.set()
    await asyncio.gather(*writing)
