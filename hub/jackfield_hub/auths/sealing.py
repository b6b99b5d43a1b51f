"""Secrets of rows: sealed on their way into the database, opened on their way out of it."""

from __future__ import annotations

import orjson

from jackfield.exchange import JsonObject
from jackfield_hub.auths import store
from jackfield_hub.auths.master_key import FileKey, MasterKeyMistake, master_keys
from jackfield_hub.auths.vault import LocalKeyWrap, SealedKey, Spot, Vault
from jackfield_hub.database import EVERY_ORGANIZATION, Database, Transaction
from jackfield_hub.settings import Settings


async def open_vault(settings: Settings, database: Database) -> Vault:
    """Return the vault of this hub. A key file is made only where nothing is sealed yet. Raises MasterKeyMistake."""
    keys = master_keys(settings)
    async with database.reading(EVERY_ORGANIZATION) as tx:
        sample = await store.find_any_data_key(tx)
    if isinstance(keys, FileKey) and sample is None:
        keys.create()
    vault = Vault(LocalKeyWrap(keys))
    if sample is not None and not vault.opens(sample):
        raise MasterKeyMistake("this database was sealed with another master key than the one given; give that one")
    return vault


async def newest_data_key(vault: Vault, tx: Transaction, organization_id: str, now: float) -> SealedKey:
    """Return the data key that seals an organization's new secrets; make it when there is none.

    Raises MasterKeyAway.
    """
    key = await store.find_data_key(tx, organization_id)
    if key is None:
        key = vault.new_data_key(organization_id)
        await store.insert_data_key(tx, key, now)
    else:
        vault.check(key)
    return key


async def find_data_key(tx: Transaction, organization_id: str, key_id: str | None = None) -> SealedKey | None:
    """Return this data key of an organization, without an id the newest, or None."""
    if key_id is None:
        return await store.find_data_key(tx, organization_id)
    return await store.find_old_data_key(tx, organization_id, key_id)


async def known_data_key(vault: Vault, tx: Transaction, organization_id: str) -> SealedKey:
    """Return the newest data key of an organization that has some, held open: for what must not fail later.

    Raises MasterKeyAway when it is not open, and cannot be opened.
    """
    key = await store.find_data_key(tx, organization_id)
    assert key is not None, "something of this organization is sealed already"
    vault.hold_open(key)
    return key


def seal_json(vault: Vault, key: SealedKey, row_id: str, field: str, value: JsonObject) -> bytes:
    """Return a JSON object sealed for one field of one row."""
    return vault.seal(key, Spot(key.organization_id, row_id, field), orjson.dumps(value))


def open_json(vault: Vault, key: SealedKey, row_id: str, field: str, sealed: bytes) -> JsonObject:
    """Return what `seal_json` sealed for this field of this row. Raises DoesNotOpen."""
    return orjson.loads(vault.unseal(key, Spot(key.organization_id, row_id, field), sealed))
