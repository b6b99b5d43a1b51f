"""Whole tables, read and filled in the order in which they depend on each other; and what must be true of them."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import orjson
from sqlalchemy import Column, LargeBinary, Table, func, select, text, tuple_
from sqlalchemy.exc import DataError, IntegrityError

from jackfield_hub.database import Transaction
from jackfield_hub.tables import connectors, content_pieces, metadata, organizations, tasks, totals, usage

Kept = Table  #: a table that is part of a backup

#: What is over soon, or is only about the hubs that run now. Files by reference expire, and their bytes are elsewhere.
LEFT_OUT = {"files", "changes", "ledger_owners", "dialogs", "oauth_states"}
CORE = [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]
USAGE = [table for table in usage.sorted_tables if table.name not in LEFT_OUT]

_BATCH = 500
_BATCH_OF_PIECES = 4  # a piece is up to a mebibyte
_SQLITE_HAS_STEPS = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
_SET_SEQUENCE = "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), (SELECT max({column}) FROM {table}))"


async def read_lines(tx: Transaction, table: Table) -> AsyncGenerator[list[bytes]]:
    """Give all rows of a table, each as a line of JSON, some at a time."""
    keys, size = list(table.primary_key.columns), _BATCH_OF_PIECES if table is content_pieces else _BATCH
    wanted, last = select(table).order_by(*keys).limit(size), None
    while True:
        found = await tx.rows(wanted if last is None else wanted.where(tuple_(*keys) > last))
        if found:
            yield [_to_line(table, row) for row in found]
            last = tuple_(*(found[-1][key.name] for key in keys))
        if len(found) < size:
            return


class NoRow(Exception):
    """A line holds no row of its table."""


async def insert_lines(tx: Transaction, table: Table, lines: Sequence[bytes]) -> None:
    """Store rows that were read before. Raises NoRow."""
    try:
        if lines:
            await tx.execute(table.insert(), [_from_line(table, line) for line in lines])
    except (ValueError, TypeError, KeyError, IntegrityError, DataError):
        raise NoRow from None


async def count_on(tx: Transaction, table: Table) -> None:
    """Have numbers that the database gives begin after those that are there."""
    if not tx.is_postgres:  # SQLite does so by itself
        return
    for column in table.primary_key.columns:
        if column.autoincrement is True:
            await tx.execute(text(_SET_SEQUENCE.format(table=table.name, column=column.name)))


async def revision(tx: Transaction) -> str:
    """Return the name of the step the tables have come to, or "" for a database without any."""
    known = "SELECT to_regclass('alembic_version')" if tx.is_postgres else _SQLITE_HAS_STEPS
    is_there = await tx.scalar(text(known)) is not None
    return str(await tx.scalar(text("SELECT version_num FROM alembic_version"))) if is_there else ""


async def is_empty(tx: Transaction) -> bool:
    return await tx.scalar(select(func.count()).select_from(organizations)) == 0


async def list_bundles(tx: Transaction) -> dict[str, str]:
    """Return the digests of all that may be called, each with a connector that has it: `{"sha256:…": "acme 1.0"}`."""
    rows = await tx.rows(select(connectors.c.bundle_digest, connectors.c.name, connectors.c.version))
    return {row["bundle_digest"]: f"{row['name']} {row['version']}" for row in rows}


async def list_miscounted(tx: Transaction) -> list[str]:
    """Return the organizations for which more tasks are stored than were counted.

    There may be fewer: old ones are forgotten, and their count stays.
    """
    counted = select(totals.c.organization_id, func.sum(totals.c.tasks).label("tasks"))
    counts = {row["organization_id"]: row["tasks"] for row in await tx.rows(counted.group_by(totals.c.organization_id))}
    there = select(tasks.c.organization_id, func.count().label("tasks")).group_by(tasks.c.organization_id)
    stored = {row["organization_id"]: row["tasks"] for row in await tx.rows(there)}
    return [organization_id for organization_id, number in stored.items() if number > counts.get(organization_id, 0)]


async def list_damages(tx: Transaction) -> list[str]:
    """Return what SQLite finds when it looks at every page and every reference of a file."""
    if tx.is_postgres:  # it checks references always, and pages whenever it reads them
        return []
    pages = [str(row["integrity_check"]) for row in await tx.rows(text("PRAGMA integrity_check(10)"))]
    strays = [str(row["table"]) for row in await tx.rows(text("PRAGMA foreign_key_check"))]
    return [page for page in pages if page != "ok"] + [f"{table} refers to what is not there" for table in strays]


async def passes_walls(tx: Transaction) -> bool:
    """Whether the hub's role at Postgres is one that no policy holds back."""
    if not tx.is_postgres:
        return False
    return bool(await tx.scalar(text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")))


def _to_line(table: Table, row: Any) -> bytes:
    return orjson.dumps({str(column.name): _to_json(column, row[column.name]) for column in table.columns}) + b"\n"


def _to_json(column: Column[Any], value: Any) -> Any:
    return base64.b64encode(value).decode() if value is not None and isinstance(column.type, LargeBinary) else value


def _from_line(table: Table, line: bytes) -> dict[str, Any]:
    values: dict[str, Any] = orjson.loads(line)
    return {column.name: _from_json(column, values[column.name]) for column in table.columns}


def _from_json(column: Column[Any], value: Any) -> Any:
    return base64.b64decode(value) if value is not None and isinstance(column.type, LargeBinary) else value
