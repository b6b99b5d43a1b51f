"""What a hub has stored, looked at from outside: core.db and usage.db, or its Postgres database."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import Any

import asyncpg

from jackfield_hub.migrations.walls import EVERY_ORGANIZATION, SETTING
from jackfield_hub.settings import Settings

IS_POSTGRES = os.environ.get("JACKFIELD_TEST_DATABASE") == "postgres"

Row = dict[str, Any]


def stored(settings: Settings, statement: str, *values: Any) -> list[Row]:
    """Run a statement (`$1`, `$2` stand for the values) on what this hub has stored; return what it gives."""
    if settings.database_url.startswith("sqlite"):
        return _in_files(settings, statement, values)
    with asyncio.Runner() as runner:  # never inside a loop: see `stored_now`
        return runner.run(_in_postgres(settings.database_url, statement, values))


async def stored_now(settings: Settings, statement: str, *values: Any) -> list[Row]:
    """The same, for tests that run in a loop."""
    return await asyncio.to_thread(stored, settings, statement, *values)


def _in_files(settings: Settings, statement: str, values: tuple[Any, ...]) -> list[Row]:
    core = settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(core, timeout=10)) as connection, connection:
        connection.row_factory = sqlite3.Row
        connection.execute("ATTACH ? AS usage", [str(settings.data_dir / "usage.db")])
        return [dict(row) for row in connection.execute(statement.replace("$", "?"), values)]


async def _in_postgres(url: str, statement: str, values: tuple[Any, ...]) -> list[Row]:
    connection = await asyncpg.connect(url, server_settings={SETTING: EVERY_ORGANIZATION})
    try:
        return [dict(row) for row in await connection.fetch(statement, *values)]
    finally:
        await connection.close()
