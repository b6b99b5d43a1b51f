"""The statements about end users and authorization codes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping, and_, delete, insert, or_, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.identity.end_users.shapes import Criteria
from jackfield_hub.identity.shapes import UserKind
from jackfield_hub.paging import Cut, Stretch, cut_stretch
from jackfield_hub.tables import authorization_codes, users


async def list_end_users(tx: Transaction, organization_id: str, criteria: Criteria, stretch: Stretch) -> Cut:
    """Return part of the end users who fit, in the order of their ids."""
    wanted = {
        users.c.id: criteria.user_id,
        users.c.external_id: criteria.external_id,
        users.c.name: criteria.name,
        users.c.is_test: criteria.is_test,
    }
    found = select(users).where(
        users.c.organization_id == organization_id,
        users.c.kind == UserKind.END_USER,
        users.c.removed_at.is_(None),
        *(column == value for column, value in wanted.items() if value is not None),
    )
    return await cut_stretch(tx, found, users.c.id, stretch)


async def set_is_test(tx: Transaction, organization_id: str, user_id: str, is_test: bool) -> None:
    """Say whether an end user is only for testing."""
    of_user = and_(users.c.organization_id == organization_id, users.c.id == user_id)
    await tx.execute(update(users).where(of_user).values(is_test=is_test))


async def insert_code(tx: Transaction, **values: Any) -> None:
    """Store an authorization code; only its hash is known."""
    await tx.execute(insert(authorization_codes).values(**values))


async def use_code(tx: Transaction, code_hash: str, now: float) -> RowMapping | None:
    """Use a code up; return organization_id, user_id and the user's kind, or None when it is no good any more."""
    codes = authorization_codes.c
    is_good = and_(codes.hash == code_hash, codes.used_at.is_(None), codes.expires_at > now)
    if await tx.count_changed(update(authorization_codes).where(is_good).values(used_at=now)) != 1:
        return None
    return await tx.one_or_none(
        select(codes.organization_id, codes.user_id, users.c.kind)
        .join(users, users.c.id == codes.user_id)
        .where(codes.hash == code_hash, users.c.removed_at.is_(None))
    )


async def forget_old_codes(tx: Transaction, organization_id: str, now: float) -> None:
    """Remove the codes of an organization that are good for nothing any more."""
    codes = authorization_codes.c
    is_over = or_(codes.used_at.is_not(None), codes.expires_at <= now)
    await tx.execute(delete(authorization_codes).where(codes.organization_id == organization_id, is_over))


async def forget_codes_of(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Remove all codes of a user."""
    codes = authorization_codes.c
    await tx.execute(
        delete(authorization_codes).where(codes.organization_id == organization_id, codes.user_id == user_id)
    )
