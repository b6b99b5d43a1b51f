"""Changing the keys that seal everything, while hubs go on working.

    a new master key in front of the file ─ data keys sealed with it ─┐
    a new data key for each organization ─ every secret sealed anew ──┴─ only then the old master key leaves the file

Each secret is changed by itself, and only if nobody has changed it meanwhile. Whoever stops this in the middle has lost
nothing: both keys are there, and the next rotation goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jackfield_hub.auths import store
from jackfield_hub.auths.master_key import FileKey
from jackfield_hub.auths.sealed_rows import SEALED, SealedRow
from jackfield_hub.auths.vault import DoesNotOpen, SealedKey, Spot, Vault
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import EVERY_ORGANIZATION, Database, Transaction
from jackfield_hub.idempotency.shapes import KEPT_SECONDS as KEPT_ANSWERS_SECONDS

BATCH = 50  # rows in one transaction: others want to write, too
# Between two transactions. SQLite lets whoever waits look again every tenth of a second, and gives nobody a turn.
REST_SECONDS = 0.12
SETTLE_SECONDS = 1.0  # for those who were just sealing with a master key they had read before
# A replaced data key: answers that are kept for a day are sealed with it, and what people fill in while they sign in.
KEPT_SECONDS = KEPT_ANSWERS_SECONDS + 3600.0


class Rotating(Protocol):
    """What it takes: a database and its vault."""

    database: Database
    vault: Vault
    clock: Callable[[], float]


@dataclass
class Rotated:
    """What was done."""

    data_keys: int = 0
    secrets: int = 0
    is_master_key_new: bool = False


async def rotate(tools: Rotating, key_file: FileKey | None) -> Rotated:
    """Seal everything with new keys and say how much that was. Raises DoesNotOpen when a key is missing.

    Without `key_file` the master key comes from elsewhere: whoever keeps it has put a new one in front already.
    """
    done = Rotated(is_master_key_new=key_file is not None)
    await _check_all_open(tools)
    if key_file is not None:
        key_file.put_in_front()
    await _remove_old_keys(tools)
    done.data_keys += await _give_new_data_keys(tools)
    done.secrets += await _seal_all_anew(tools)
    await _rewrap(tools)
    await asyncio.sleep(SETTLE_SECONDS)
    done.secrets += await _seal_all_anew(tools)
    await _rewrap(tools)
    async with tools.database.transaction(EVERY_ORGANIZATION) as tx:
        for organization_id in await store.list_sealed_organizations(tx):
            tx.changed(organization_id, Kind.SERVICES)
    if key_file is not None:
        key_file.keep_newest()
    return done


async def _check_all_open(tools: Rotating) -> None:
    """Raise DoesNotOpen before anything is changed: a new data key under a wrong master key would stop all hubs."""
    async with tools.database.reading(EVERY_ORGANIZATION) as tx:
        if not all(tools.vault.opens(key) for key in await store.list_data_keys(tx)):
            raise DoesNotOpen


async def _remove_old_keys(tools: Rotating) -> None:
    async with tools.database.transaction(EVERY_ORGANIZATION) as tx:
        await store.delete_replaced_keys(tx, tools.clock() - KEPT_SECONDS)


async def _give_new_data_keys(tools: Rotating) -> int:
    """Give every organization a new data key; return how many that were."""
    async with tools.database.reading(EVERY_ORGANIZATION) as tx:
        organization_ids = await store.list_sealed_organizations(tx)
    for count, organization_id in enumerate(organization_ids, start=1):
        # As its only writer: whoever had chosen the old key is done now, and whoever comes later finds the new one.
        async with tools.database.transaction(organization_id) as tx:
            await store.insert_data_key(tx, tools.vault.new_data_key(organization_id), tools.clock())
        if count % BATCH == 0:
            await asyncio.sleep(REST_SECONDS)
    return len(organization_ids)


async def _rewrap(tools: Rotating) -> None:
    """Have every data key sealed with the newest master key."""
    async with tools.database.transaction(EVERY_ORGANIZATION) as tx:
        for key in await store.list_data_keys(tx):
            if not tools.vault.wrap.is_newest(key.sealed):
                await store.replace_sealed_key(tx, key, tools.vault.rewrap(key))


async def _seal_all_anew(tools: Rotating) -> int:
    """Seal every secret that is not sealed with its organization's newest data key; return how many rows that were."""
    count = 0
    for sealed in SEALED:
        while True:
            async with tools.database.transaction(EVERY_ORGANIZATION) as tx:
                rows = await store.list_sealed_with_old_key(tx, sealed, BATCH)
                newest = {owner: await _newest(tx, owner) for owner in {row.old_key.organization_id for row in rows}}
                for row in rows:
                    await _seal_anew(tools, tx, row, newest[row.old_key.organization_id])
            count += len(rows)
            if len(rows) < BATCH:
                break
            await asyncio.sleep(REST_SECONDS)
    return count


async def _newest(tx: Transaction, organization_id: str) -> SealedKey:
    key = await store.find_data_key(tx, organization_id)
    assert key is not None, "there is the key the row is sealed with"
    return key


async def _seal_anew(tools: Rotating, tx: Transaction, row: SealedRow, newest: SealedKey) -> None:
    fields = {
        field: _moved(tools.vault, row.old_key, newest, Spot(newest.organization_id, row.row_id, field), content)
        for field, content in row.fields.items()
    }
    # Whoever remembers the row opens it with the key it had: only at the end all is read again.
    await store.replace_sealed(tx, row, newest, fields)


def _moved(vault: Vault, old: SealedKey, new: SealedKey, spot: Spot, content: bytes) -> bytes:
    return vault.seal(new, spot, vault.unseal(old, spot, content))
