"""Sessions in the database: one statement a function. Only their hashes are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.identity.shapes import UserKind
from jackfield_hub.tables import sessions, users


async def list_members_by_email(
    tx: Transaction, email: str, organization_id: str | None, limit: int
) -> Sequence[RowMapping]:
    """Return id, organization_id and password_hash of the members of any organization who have this e-mail."""
    found = select(users.c.id, users.c.organization_id, users.c.password_hash).where(
        users.c.email == email,
        users.c.kind == UserKind.MEMBER,
        users.c.removed_at.is_(None),
    )
    if organization_id is not None:
        found = found.where(users.c.organization_id == organization_id)
    return await tx.rows(found.order_by(users.c.created_at, users.c.id).limit(limit))


async def find_member(tx: Transaction, organization_id: str, user_id: str | None) -> RowMapping | None:
    """Return id, email and password_hash of a member, or None."""
    return await tx.one_or_none(
        select(users.c.id, users.c.email, users.c.password_hash).where(
            users.c.organization_id == organization_id,
            users.c.id == user_id,
            users.c.kind == UserKind.MEMBER,
            users.c.removed_at.is_(None),
        )
    )


async def update_password(tx: Transaction, user_id: str, password_hash: str) -> None:
    await tx.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))


async def delete_other_sessions(tx: Transaction, user_id: str, kept_hash: str) -> None:
    """End the sessions of a user, but for one."""
    await tx.execute(delete(sessions).where(sessions.c.user_id == user_id, sessions.c.hash != kept_hash))


async def insert_session(tx: Transaction, **values: Any) -> None:
    await tx.execute(insert(sessions).values(**values))


async def find_session(tx: Transaction, session_hash: str, now: float) -> RowMapping | None:
    """Return organization_id, user_id, expires_at and the user's role of a session that is not over, or None."""
    return await tx.one_or_none(
        select(sessions.c.organization_id, sessions.c.user_id, sessions.c.expires_at, users.c.role)
        .join(users, users.c.id == sessions.c.user_id)
        .where(sessions.c.hash == session_hash, sessions.c.expires_at > now, users.c.removed_at.is_(None))
    )


async def delete_session(tx: Transaction, session_hash: str) -> str | None:
    """End a session; return the organization it was of, or None when there is none."""
    return await tx.scalar(
        delete(sessions).where(sessions.c.hash == session_hash).returning(sessions.c.organization_id)
    )


async def forget_old(tx: Transaction, organization_id: str, now: float) -> None:
    """Remove the sessions of an organization that are over."""
    await tx.execute(
        delete(sessions).where(sessions.c.organization_id == organization_id, sessions.c.expires_at <= now)
    )
