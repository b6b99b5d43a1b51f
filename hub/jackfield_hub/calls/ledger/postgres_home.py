"""The ledger's home in a Postgres database that several hubs share: one connection, one batch on its way at a time.

A hub that dies leaves promises that say "running". Each hub says every few seconds that it lives, by the database's own
clock; what one has claimed that was silent for too long is settled by any of the others, as a task of unknown outcome.
Should that one have been asleep only, what it records later under the same id takes the place of the unknown outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from jackfield_hub.calls.ledger import postgres_store as store
from jackfield_hub.calls.ledger.shapes import Entry, HomeAway
from jackfield_hub.calls.shapes import KeptCall
from jackfield_hub.database import Database, is_away, open_postgres
from jackfield_hub.logs import describe, log
from jackfield_hub.migrations.walls import EVERY_ORGANIZATION, SETTING
from jackfield_hub.tables import usage

LEASE_SECONDS = 30.0
BEATS_A_LEASE = 3

Given = TypeVar("Given")


class PostgresHome:
    """Open it with `await PostgresHome.open(database, owner)`."""

    def __init__(self, rows: Database, owner: str) -> None:
        self.rows = rows
        self._owner = owner
        self._connection: Any = None  # asyncpg's
        self._turn = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, database: Database, owner: str) -> PostgresHome:
        """Return the home in this database. What this owner had claimed before is settled. Raises HomeAway."""
        await database.add_tables(usage)
        home = cls(database, owner)
        await home._settle(owner)
        home._beating = asyncio.create_task(home._beat(), name="ledger lease")
        return home

    async def write(self, entries: Sequence[Entry]) -> list[KeptCall | None]:
        """Store all of this or nothing. Raises HomeAway, or what asyncpg raises."""
        return await self._do(lambda connection: store.write(connection, entries, self._owner))

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        async with self._turn:
            if self._connection is not None:
                await self._connection.close()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / BEATS_A_LEASE)
            try:
                await self._settle("")
            except HomeAway as failure:  # whoever shares the database with us cannot do anything either
                log.error("ledger_lease_not_renewed", **describe(failure))

    async def _settle(self, owner: str) -> None:
        """Say that we live, and settle what this owner has left, and those who do not live any more."""
        lost = await self._do(lambda connection: store.settle(connection, self._owner, LEASE_SECONDS, owner))
        if lost:
            log.warning("calls_lost", calls=lost)

    async def _do(self, work: Callable[[Any], Awaitable[Given]]) -> Given:
        async with self._turn:
            try:
                if self._connection is not None and not self._connection.is_closed():
                    try:
                        return await work(self._connection)
                    except Exception as failure:
                        if not is_away(failure):
                            raise
                        self._hang_up()  # it may have been idle while the server was restarted: once more, with another
                return await work(await self._connect())
            except Exception as failure:
                if not is_away(failure):
                    raise
                self._hang_up()
                raise HomeAway from failure

    async def _connect(self) -> Any:
        wide = {SETTING: EVERY_ORGANIZATION, "statement_timeout": "10s"}
        self._connection = await open_postgres(self.rows.url, also=wide)
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
