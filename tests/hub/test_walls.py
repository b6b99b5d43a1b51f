"""The second wall between organizations: Postgres itself keeps them apart, whatever our statements forget."""

from __future__ import annotations

import ast
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import ProgrammingError

import jackfield_hub
from examples.servers.postgres import ROLE, Postgres, name_of
from jackfield_hub.backups.examination import examine
from jackfield_hub.calls.ledger.postgres_home import PostgresHome
from jackfield_hub.calls.ledger.service import Ledger
from jackfield_hub.database import EVERY_ORGANIZATION, Database
from jackfield_hub.settings import Settings
from jackfield_hub.tables import metadata, organizations, tasks, usage, users
from tests.hub.test_ledger import TASK, task

ALICE, CHARLIE = "org-alice", "org-charlie"
_POLICIES = """
    SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid
    WHERE relrowsecurity AND relforcerowsecurity ORDER BY relname
"""


@pytest.fixture
async def database(postgres: Postgres) -> AsyncGenerator[Database]:
    """A Postgres database with two organizations, each with a user and a call."""
    url = postgres.new_database()
    database = Database(url)
    await database.migrate()
    ledger = Ledger(await PostgresHome.open(database, "this hub"))
    for organization_id in (ALICE, CHARLIE):
        async with database.transaction(EVERY_ORGANIZATION) as tx:
            await tx.execute(insert(organizations).values(id=organization_id, name="x", created_at=0))
            await tx.execute(insert(users).values(**user(organization_id)))
        await ledger.record(replace(TASK, task_id=task().task_id, organization_id=organization_id))
    await ledger.close()
    yield database
    await database.close()
    postgres.drop(url)


def user(organization_id: str, user_id: str = "") -> dict[str, object]:
    more = {"kind": "member", "name": "x", "is_test": False, "created_at": 0}
    return {"id": user_id or f"user of {organization_id}", "organization_id": organization_id, **more}


async def test_a_statement_without_its_where_sees_one_organization_only(database: Database) -> None:
    async with database.transaction(ALICE) as writing, database.reading(ALICE) as reading:
        for tx in (writing, reading):
            assert [row["id"] for row in await tx.rows(select(organizations))] == [ALICE]
            for table in (users, tasks):
                assert [row["organization_id"] for row in await tx.rows(select(table))] == [ALICE]


async def test_a_strangers_rows_cannot_be_made_moved_or_changed(database: Database) -> None:
    async def as_alice(*statements: str) -> None:
        async with database.transaction(ALICE) as tx:
            for statement in statements:
                await tx.execute(text(statement))

    async with database.transaction(ALICE) as tx:
        assert await tx.count_changed(update(users).values(name="changed")) == 1
    with pytest.raises(ProgrammingError, match="row-level security"):
        await as_alice(f"UPDATE users SET organization_id = '{CHARLIE}'")
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with database.transaction(ALICE) as tx:
            await tx.execute(insert(users).values(**user(CHARLIE, "smuggled in")))
    with pytest.raises(ProgrammingError, match="row-level security"):
        await as_alice(f"INSERT INTO organizations VALUES ('{CHARLIE}-2', 'x', 0)")

    async with database.reading(EVERY_ORGANIZATION) as tx:
        names = {row["id"]: row["name"] for row in await tx.rows(select(users))}
    assert names == {f"user of {ALICE}": "changed", f"user of {CHARLIE}": "x"}


async def test_a_connection_goes_back_without_what_it_acted_for(database: Database) -> None:
    for organization_id in (ALICE, CHARLIE, ALICE):
        async with database.reading(organization_id) as tx:
            assert [row["organization_id"] for row in await tx.rows(select(users))] == [organization_id]


async def test_who_says_nothing_sees_nothing(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        assert await connection.fetch("SELECT * FROM users") == []
        assert await connection.fetch("SELECT * FROM tasks") == []
    finally:
        await connection.close()


async def test_every_table_of_organizations_has_its_policy(database: Database) -> None:
    async with database.reading(EVERY_ORGANIZATION) as tx:
        behind_walls = [row["relname"] for row in await tx.rows(text(_POLICIES))]

    tables = [*metadata.sorted_tables, *usage.sorted_tables]
    assert behind_walls == sorted(
        table.name for table in tables if "organization_id" in table.columns or table is organizations
    )


async def test_a_role_that_no_policy_holds_back_is_found(
    database: Database, postgres: Postgres, tmp_path: Path
) -> None:
    for role, is_held_back in ((ROLE, True), ("postgres", False)):
        url = postgres.url(name_of(database.url), role)
        checks = {one.name: one for one in await examine(Settings(data_dir=tmp_path, database=url))}

        assert checks["organizations"].is_well is is_held_back
        assert checks["organizations"].next_step


def test_every_transaction_of_the_hub_says_for_whom_it_acts() -> None:
    folder = Path(jackfield_hub.__file__).parent
    silent = [
        f"{path.relative_to(folder)}:{node.lineno}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and not node.args and _opens_a_transaction(node.func)
    ]

    assert silent == []


def _opens_a_transaction(function: ast.expr) -> bool:
    is_named_so = isinstance(function, ast.Attribute) and function.attr in ("transaction", "reading")
    return is_named_so and any(word in ast.unparse(function) for word in ("database", ".rows."))
