"""The statements about files. Their bytes are in a depot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, insert, select, update

from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.database import Transaction
from jackfield_hub.files.shapes import FileOwner, FileState, StoredFile
from jackfield_hub.tables import data_keys, files


async def insert_file(tx: Transaction, **values: Any) -> None:
    """Store a file whose bytes are about to arrive."""
    await tx.execute(insert(files).values(**values))


async def count_bytes(tx: Transaction, organization_id: str, *, without: str) -> int:
    """Return how much an organization's files take, those that are arriving included, `without` one of them."""
    total = select(func.coalesce(func.sum(files.c.size), 0))
    return int(await tx.scalar(total.where(_of(organization_id), files.c.id != without)))


async def finish_file(tx: Transaction, organization_id: str, file_id: str, **values: Any) -> bool:
    """Make a file that has arrived readable; return False when a sweep has taken it away meanwhile."""
    arrived = update(files).where(_is(organization_id, file_id), files.c.state == FileState.ARRIVING)
    return await tx.count_changed(arrived.values(state=FileState.READY, **values)) == 1


async def find_file(tx: Transaction, file_id: str) -> StoredFile | None:
    """Return a file that can be read, whosever it is: a link has to prove itself. None when there is none."""
    row = await tx.one_or_none(
        select(files, data_keys.c.sealed_key)
        .join(data_keys, data_keys.c.id == files.c.key_id)
        .where(files.c.id == file_id, files.c.state == FileState.READY)
    )
    return None if row is None else _to_file(row)


async def find_owner(tx: Transaction, organization_id: str, file_id: str) -> FileOwner | None:
    """Return whose a file of this organization is, or None when there is no such file."""
    row = await tx.one_or_none(select(files.c.owner_id).where(_is(organization_id, file_id)))
    return None if row is None else FileOwner(organization_id, row["owner_id"])


async def delete_file(tx: Transaction, organization_id: str, file_id: str) -> None:
    """Forget a file."""
    await tx.execute(delete(files).where(_is(organization_id, file_id)))


async def list_expired(tx: Transaction, now: float, limit: int) -> Sequence[RowMapping]:
    """Return id and organization_id of files whose time is over, and of those that never arrived."""
    expired = select(files.c.id, files.c.organization_id).where(files.c.expires_at <= now)
    return await tx.rows(expired.order_by(files.c.expires_at).limit(limit))


async def is_any_left(tx: Transaction) -> bool:
    """Return whether there are files at all."""
    return await tx.scalar(select(files.c.id).limit(1)) is not None


def _of(organization_id: str) -> ColumnElement[bool]:
    return files.c.organization_id == organization_id


def _is(organization_id: str, file_id: str) -> ColumnElement[bool]:
    return and_(_of(organization_id), files.c.id == file_id)


def _to_file(row: RowMapping) -> StoredFile:
    return StoredFile(
        file_id=row["id"],
        owner=FileOwner(row["organization_id"], row["owner_id"]),
        name=row["name"],
        mime_type=row["mime_type"],
        size=row["size"],
        state=FileState(row["state"]),
        expires_at=row["expires_at"],
        secret=row["secret"],
        key=SealedKey(row["key_id"], row["organization_id"], row["sealed_key"]),
    )
