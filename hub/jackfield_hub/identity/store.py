"""Organizations, users and tokens in the database: one statement a function."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping, and_, insert, or_, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.identity.shapes import Role
from jackfield_hub.tables import organizations, tokens, users


async def insert_organization(tx: Transaction, **values: Any) -> None:
    await tx.execute(insert(organizations).values(**values))


async def insert_user(tx: Transaction, **values: Any) -> bool:
    """Store a user; return False when the organization has one with this e-mail or external id already."""
    return await tx.insert_if_absent(users, values)


async def insert_token(tx: Transaction, **values: Any) -> None:
    await tx.execute(insert(tokens).values(**values))


async def has_organizations(tx: Transaction) -> bool:
    """Tell whether anybody lives here yet."""
    return await tx.scalar(select(organizations.c.id).limit(1)) is not None


async def find_live_token(tx: Transaction, token_hash: str, now: float) -> RowMapping | None:
    """Return organization_id, user_id, kind and expires_at of a token that is neither revoked nor expired."""
    return await tx.one_or_none(
        select(tokens.c.organization_id, tokens.c.user_id, tokens.c.kind, tokens.c.expires_at).where(
            and_(
                tokens.c.hash == token_hash,
                tokens.c.revoked_at.is_(None),
                or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now),
            )
        )
    )


async def revoke_token(tx: Transaction, organization_id: str, token_hash: str, now: float) -> bool:
    """Revoke a live token of this organization; return False when there is none."""
    revocation = (
        update(tokens)
        .where(tokens.c.hash == token_hash, tokens.c.organization_id == organization_id, tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return await tx.count_changed(revocation) == 1


async def find_user(tx: Transaction, organization_id: str, user_id: str) -> RowMapping | None:
    return await tx.one_or_none(select(users).where(users.c.organization_id == organization_id, users.c.id == user_id))


async def find_owner(tx: Transaction, organization_id: str) -> RowMapping | None:
    """Return the member who owns the organization."""
    return await tx.one_or_none(
        select(users).where(users.c.organization_id == organization_id, users.c.role == Role.OWNER)
    )
