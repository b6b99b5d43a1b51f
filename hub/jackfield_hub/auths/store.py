"""The statements about stored auths and the data keys that seal them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping, delete, select

from jackfield_hub.auths.shapes import SealedAuth
from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.database import Transaction
from jackfield_hub.tables import auths, data_keys, service_environments


async def find_data_key(tx: Transaction, organization_id: str) -> SealedKey | None:
    """Return the newest data key of an organization, or None."""
    row = await tx.one_or_none(
        select(data_keys)
        .where(data_keys.c.organization_id == organization_id)
        .order_by(data_keys.c.created_at.desc(), data_keys.c.id)
        .limit(1)
    )
    return None if row is None else SealedKey(row["id"], row["organization_id"], row["sealed_key"])


async def insert_data_key(tx: Transaction, key: SealedKey, now: float) -> None:
    """Store a data key, which only the master key opens."""
    await tx.execute(
        data_keys.insert().values(
            id=key.key_id, organization_id=key.organization_id, sealed_key=key.sealed, created_at=now
        )
    )


async def insert_auth(tx: Transaction, **values: Any) -> None:
    """Store an auth."""
    await tx.execute(auths.insert().values(**values))


async def find_auth(tx: Transaction, organization_id: str, auth_id: str) -> SealedAuth | None:
    """Return an auth of this organization with the key that seals it, or None."""
    row = await tx.one_or_none(
        select(auths, service_environments.c.service_id, data_keys.c.sealed_key)
        .join(service_environments, service_environments.c.id == auths.c.service_environment_id)
        .join(data_keys, data_keys.c.id == auths.c.key_id)
        .where(auths.c.organization_id == organization_id, auths.c.id == auth_id)
    )
    return None if row is None else _to_auth(row)


async def delete_auth(tx: Transaction, organization_id: str, auth_id: str) -> None:
    """Remove an auth and what is sealed in it."""
    await tx.execute(delete(auths).where(auths.c.organization_id == organization_id, auths.c.id == auth_id))


def _to_auth(row: RowMapping) -> SealedAuth:
    return SealedAuth(
        auth_id=row["id"],
        organization_id=row["organization_id"],
        owner_id=row["owner_id"],
        service_environment_id=row["service_environment_id"],
        service_id=row["service_id"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        user_data=row["user_data"],
        credentials=row["credentials"],
        key=SealedKey(row["key_id"], row["organization_id"], row["sealed_key"]),
    )
