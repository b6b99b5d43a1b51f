"""What a hub has stored, looked at from outside: core.db and usage.db, or its Postgres database."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

import asyncpg

from jackfield_hub.migrations.walls import EVERY_ORGANIZATION, SETTING
from jackfield_hub.settings import Settings

IS_POSTGRES = os.environ.get("JACKFIELD_TEST_DATABASE") == "postgres"

Found = TypeVar("Found")

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def stored(settings: Settings, statement: str, *values: Any) -> list[dict[str, Any]]:
    """Run a statement (`$1`, `$2` stand for the values) on what this hub has stored, and return its rows."""
    if not settings.database_url.startswith("sqlite"):
        return _in_postgres(settings.database_url, lambda database: _fetch(database, statement, values))
    with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"), timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("ATTACH ? AS usage", [str(settings.data_dir / "usage.db")])
        with connection:
            return [dict(row) for row in connection.execute(statement.replace("$", "?"), values)]


def stored_values(settings: Settings, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The same, with rows as tuples."""
    return [tuple(row.values()) for row in stored(settings, statement, *values)]


def all_that_is_stored(settings: Settings) -> bytes:
    """Return everything a thief of the databases would have."""
    if settings.database_url.startswith("sqlite"):
        files = [*settings.data_dir.glob("core.db*"), *settings.data_dir.glob("usage.db*")]
        return b"".join(path.read_bytes() for path in files)
    return _in_postgres(settings.database_url, _everything)


async def _fetch(database: Any, statement: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(row) for row in await database.fetch(statement, *values)]


async def _everything(database: Any) -> bytes:
    parts: list[bytes] = []
    for table in await database.fetch(_TABLES):
        for row in await database.fetch(f"SELECT * FROM {table['tablename']}"):
            parts += [value if isinstance(value, bytes) else str(value).encode() for value in row.values()]
    return b"\n".join(parts)


def _in_postgres(url: str, work: Callable[[Any], Awaitable[Found]]) -> Found:
    async def look() -> Found:
        database: Any = await asyncpg.connect(url, server_settings={SETTING: EVERY_ORGANIZATION})
        try:
            return await work(database)
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as thread:  # the test may run in a loop of its own
        return thread.submit(lambda: asyncio.run(look())).result()
