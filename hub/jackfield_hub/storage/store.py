"""The statements about storage. Whoever changes one has opened it in the same transaction, and nobody else has."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, Table, and_, delete, func, insert, or_, select, union, update

from jackfield_hub.auths.vault import SEAL_BYTES, SealedKey
from jackfield_hub.database import Transaction
from jackfield_hub.storage.shapes import OpenStorage, Place, SealedValue
from jackfield_hub.tables import data_keys, queued_values, storages, stored_values


async def find_storage(tx: Transaction, place: Place) -> OpenStorage | None:
    """Return what is kept there, or None when nothing ever was."""
    row = await tx.one_or_none(
        select(storages.c.id, storages.c.version).where(
            storages.c.organization_id == place.organization_id,
            storages.c.connector == place.connector,
            storages.c.scope == place.scope,
            storages.c.owner == place.owner,
        )
    )
    return None if row is None else OpenStorage(place.organization_id, row["id"], row["version"])


async def insert_storage(tx: Transaction, place: Place) -> OpenStorage:
    """Begin to keep things there."""
    opened = OpenStorage(place.organization_id, str(uuid.uuid4()), 0)
    await tx.execute(
        insert(storages).values(
            id=opened.storage_id,
            organization_id=place.organization_id,
            connector=place.connector,
            scope=place.scope,
            owner=place.owner,
            version=0,
            entries=0,
            bytes=0,
        )
    )
    return opened


async def weigh(tx: Transaction, storage_id: str, entries: int, size: int) -> int:
    """Add to what is known of a storage, count up its version; return how many entries it has now."""
    change = update(storages).where(storages.c.id == storage_id)
    added = {"version": storages.c.version + 1, "entries": storages.c.entries + entries}
    return await tx.scalar(change.values(**added, bytes=storages.c.bytes + size).returning(storages.c.entries))


async def count_bytes(tx: Transaction, organization_id: str) -> int:
    """Return how much all storages of an organization take."""
    total = select(func.coalesce(func.sum(storages.c.bytes), 0))
    return int(await tx.scalar(total.where(storages.c.organization_id == organization_id)))


async def find_value(tx: Transaction, storage_id: str, key: str) -> SealedValue | None:
    """Return the value under a key, even if its time is over."""
    return await _find(tx, _sealed_in(stored_values).where(_is_value(storage_id, key)))


async def put_value(tx: Transaction, storage: OpenStorage, key: str, value: SealedValue, *, is_new: bool) -> None:
    """Keep a value under a key, where there is one or where there is none."""
    said = _said_of(value)
    if not is_new:
        await tx.execute(update(stored_values).where(_is_value(storage.storage_id, key)).values(**said))
        return
    about = {"storage_id": storage.storage_id, "organization_id": storage.organization_id, "key": key}
    await tx.execute(insert(stored_values).values(**about, **said))


async def delete_value(tx: Transaction, storage_id: str, key: str) -> None:
    """Forget the value under a key."""
    await tx.execute(delete(stored_values).where(_is_value(storage_id, key)))


async def list_keys(
    tx: Transaction, storage_id: str, prefix: str, after: str, *, now: float, limit: int
) -> Sequence[str]:
    """Return the next keys that begin like this, in order."""
    key = stored_values.c.key
    found = select(key).where(
        stored_values.c.storage_id == storage_id,
        key > after,
        func.substr(key, 1, len(prefix)) == prefix,
        _is_live(stored_values, now),
    )
    return [row["key"] for row in await tx.rows(found.order_by(key).limit(limit))]


async def insert_queued(tx: Transaction, storage: OpenStorage, queue: str, value: SealedValue) -> None:
    """Put something at the end of a queue: its version is larger than those of all others."""
    about = {"storage_id": storage.storage_id, "organization_id": storage.organization_id, "queue": queue}
    await tx.execute(insert(queued_values).values(**about, **_said_of(value)))


async def count_queued(tx: Transaction, storage_id: str, queue: str, now: float) -> int:
    """Return how many wait in a queue."""
    waiting = select(func.count()).select_from(queued_values)
    return await tx.scalar(waiting.where(_is_queue(storage_id, queue), _is_live(queued_values, now)))


async def find_first(tx: Transaction, storage_id: str, queue: str, now: float) -> SealedValue | None:
    """Return what has waited longest in a queue."""
    waiting = _sealed_in(queued_values).where(_is_queue(storage_id, queue), _is_live(queued_values, now))
    return await _find(tx, waiting.order_by(queued_values.c.version).limit(1))


async def delete_queued(tx: Transaction, storage_id: str, queue: str, version: int) -> None:
    """Take something out of a queue."""
    await tx.execute(delete(queued_values).where(_is_queue(storage_id, queue), queued_values.c.version == version))


async def delete_expired(tx: Transaction, storage_id: str, now: float) -> tuple[int, int]:
    """Forget what is over in a storage; return how many entries and bytes that were, before they were sealed."""
    sizes: list[int] = []
    for table in (stored_values, queued_values):
        over = delete(table).where(table.c.storage_id == storage_id, table.c.expires_at <= now)
        gone = await tx.rows(over.returning(func.length(table.c.content).label("size")))
        sizes += [row["size"] for row in gone]
    return len(sizes), sum(sizes) - len(sizes) * SEAL_BYTES


async def list_expired(tx: Transaction, now: float, limit: int) -> Sequence[RowMapping]:
    """Return storage_id and organization_id of storages in which something is over."""
    found = [
        select(table.c.storage_id, table.c.organization_id).where(table.c.expires_at <= now)
        for table in (stored_values, queued_values)
    ]
    return await tx.rows(union(*found).limit(limit))


async def will_any_expire(tx: Transaction) -> bool:
    """Return whether anything is kept that will be over."""
    for table in (stored_values, queued_values):
        found = select(table.c.storage_id).where(table.c.expires_at.is_not(None)).limit(1)
        if await tx.scalar(found) is not None:
            return True
    return False


async def delete_storages_of(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Forget all that is kept for a user."""
    theirs = and_(
        storages.c.organization_id == organization_id, storages.c.scope == "user", storages.c.owner == user_id
    )
    ids = select(storages.c.id).where(theirs).scalar_subquery()
    for table in (stored_values, queued_values):
        await tx.execute(delete(table).where(table.c.storage_id.in_(ids)))
    await tx.execute(delete(storages).where(theirs))


def _sealed_in(table: Table) -> Select[Any]:
    values = [table.c[name] for name in ("key_id", "organization_id", "content", "version", "expires_at")]
    return select(*values, data_keys.c.sealed_key).join(data_keys, data_keys.c.id == table.c.key_id)


async def _find(tx: Transaction, wanted: Select[Any]) -> SealedValue | None:
    row = await tx.one_or_none(wanted)
    if row is None:
        return None
    key = SealedKey(row["key_id"], row["organization_id"], row["sealed_key"])
    return SealedValue(key, row["content"], row["version"], row["expires_at"])


def _said_of(value: SealedValue) -> dict[str, Any]:
    return {
        "key_id": value.key.key_id,
        "content": value.content,
        "version": value.version,
        "expires_at": value.expires_at,
    }


def _is_value(storage_id: str, key: str) -> ColumnElement[bool]:
    return and_(stored_values.c.storage_id == storage_id, stored_values.c.key == key)


def _is_queue(storage_id: str, queue: str) -> ColumnElement[bool]:
    return and_(queued_values.c.storage_id == storage_id, queued_values.c.queue == queue)


def _is_live(table: Table, now: float) -> ColumnElement[bool]:
    return or_(table.c.expires_at.is_(None), table.c.expires_at > now)
