"""What must be true of all a hub has stored, looked at with the hub running or not."""

from __future__ import annotations

import asyncio

from jackfield.cli.doctor import Check
from jackfield_hub.auths.master_key import MasterKeyMistake, master_keys
from jackfield_hub.auths.samples import list_that_do_not_open
from jackfield_hub.auths.vault import LocalKeyWrap, Vault
from jackfield_hub.backups import store
from jackfield_hub.backups.service import Stored, is_there, list_damaged, stored
from jackfield_hub.database import EVERY_ORGANIZATION, DatabaseAway
from jackfield_hub.migrations import newest_step
from jackfield_hub.settings import Settings

_NOT_WHOLE = "restore the last backup: jackfield database restore"


async def examine(settings: Settings) -> list[Check]:
    """Look at the databases, the files they name, and whether the key here opens what is sealed."""
    if not is_there(settings):
        return [Check("database", False, f"there is none in {settings.data_dir}", "say where it is with --data")]
    async with stored(settings) as databases:
        try:
            return await _examine(settings, databases)
        except DatabaseAway:
            return [_away(databases)]


def _away(databases: Stored) -> Check:
    if databases.core.is_sqlite:
        return Check("database", False, "it cannot be read, or is damaged", f"look at its disk; {_NOT_WHOLE}")
    return Check("database", False, "it does not answer", "does it run, and is its address (--database) right?")


async def _examine(settings: Settings, databases: Stored) -> list[Check]:
    tables = await _tables(databases)
    if not tables.is_well:
        return [tables]
    checks = [await _walls(databases), tables, await _pages(databases)]
    return [*checks, await _ledger(databases), await _bundles(settings, databases), await _secrets(settings, databases)]


async def _tables(databases: Stored) -> Check:
    async with databases.core.reading(EVERY_ORGANIZATION) as tx:
        found, newest = await store.revision(tx), newest_step()
    is_well = found == newest
    return Check(
        "tables",
        is_well,
        f"at step {found}, the newest" if is_well else f"at step {found or 'none'}; this version has {newest}",
        "jackfield database migrate",
    )


async def _walls(databases: Stored) -> Check:
    async with databases.core.reading(EVERY_ORGANIZATION) as tx:
        if not tx.is_postgres:
            return Check("organizations", True, "kept apart by the hub (SQLite has no policies)")
        passes = await store.passes_walls(tx)
    return Check(
        "organizations",
        not passes,
        "kept apart by the hub alone: its role passes every policy" if passes else "kept apart by Postgres, too",
        "give the hub a role without SUPERUSER and BYPASSRLS that owns its database",
    )


async def _pages(databases: Stored) -> Check:
    damages: list[str] = []
    for database in (databases.core, databases.usage):
        async with database.reading(EVERY_ORGANIZATION) as tx:
            damages += await store.list_damages(tx)
    return Check("pages and references", not damages, "; ".join(damages[:5]) or "whole", _NOT_WHOLE)


async def _ledger(databases: Stored) -> Check:
    async with databases.usage.reading(EVERY_ORGANIZATION) as tx:
        wrong = await store.list_miscounted(tx)
    found = f"more calls than were counted for {', '.join(wrong)}" if wrong else "every call is counted"
    return Check("ledger", not wrong, found, _NOT_WHOLE)


async def _bundles(settings: Settings, databases: Stored) -> Check:
    damaged, all_of_them = await list_damaged(settings.data_dir, databases.core)
    found = f"missing or changed: {', '.join(damaged)}" if damaged else f"{all_of_them} connectors, as they were built"
    return Check("bundles", not damaged, found, f"deploy them again, or {_NOT_WHOLE}")


async def _secrets(settings: Settings, databases: Stored) -> Check:
    try:
        vault = await asyncio.to_thread(lambda: Vault(LocalKeyWrap(master_keys(settings))))
    except MasterKeyMistake as mistake:
        async with databases.core.reading(EVERY_ORGANIZATION) as tx:
            is_needed = not await store.is_empty(tx)
        found = str(mistake) if is_needed else "none yet"
        return Check("secrets", not is_needed, found, "put the master key back where it was")
    async with databases.core.reading(EVERY_ORGANIZATION) as tx:
        shut = await list_that_do_not_open(vault, tx)
    found = f"the key here does not open those of {', '.join(sorted(shut))}" if shut else "the key here opens them"
    return Check("secrets", not shut, found, "put the master key back that they were sealed with")
