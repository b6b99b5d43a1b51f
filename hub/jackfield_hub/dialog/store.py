"""The statements about open dialogs, and about people who were sent to a provider from one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, insert, select, update

from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.database import Transaction
from jackfield_hub.dialog.shapes import Sealed, State
from jackfield_hub.tables import data_keys, dialogs, oauth_states


async def insert_dialog(tx: Transaction, **values: Any) -> None:
    """Store a dialog; only the hashes of what its browser holds are known."""
    await tx.execute(insert(dialogs).values(**values))


async def find_dialog(tx: Transaction, dialog_id: str, now: float) -> RowMapping | None:
    """Return a dialog whose time is not over, or None. `sealed_key` is the key of its draft."""
    return await tx.one_or_none(
        select(dialogs, data_keys.c.sealed_key)
        .outerjoin(data_keys, data_keys.c.id == dialogs.c.key_id)
        .where(dialogs.c.id == dialog_id, dialogs.c.expires_at > now)
    )


async def update_dialog(tx: Transaction, organization_id: str, dialog_id: str, **values: Any) -> None:
    """Change a dialog."""
    await tx.execute(update(dialogs).where(_is(organization_id, dialog_id)).values(**values))


async def finish_dialog(tx: Transaction, organization_id: str, dialog_id: str, now: float) -> bool:
    """End a dialog and forget its draft. Return False when somebody has ended it before."""
    is_open = and_(_is(organization_id, dialog_id), dialogs.c.finished_at.is_(None))
    ending = update(dialogs).where(is_open).values(finished_at=now, draft=None, key_id=None)
    return await tx.count_changed(ending) == 1


async def forget_old_dialogs(tx: Transaction, organization_id: str, now: float) -> None:
    """Remove an organization's dialogs whose time is over, with all that belongs to them."""
    is_old = and_(dialogs.c.organization_id == organization_id, dialogs.c.expires_at <= now)
    old = select(dialogs.c.id).where(is_old)
    await tx.execute(delete(oauth_states).where(oauth_states.c.dialog_id.in_(old)))
    await tx.execute(delete(dialogs).where(is_old))


async def insert_state(tx: Transaction, **values: Any) -> None:
    """Store that somebody was sent to a provider; only the hashes of the state and the cookie are known."""
    await tx.execute(insert(oauth_states).values(**values))


async def use_state(tx: Transaction, state_hash: str, browser_hash: str, now: float) -> State | None:
    """Use a state up. Return None when it is unknown, used, too old, or another browser's."""
    states = oauth_states.c
    is_good = and_(
        states.hash == state_hash,
        states.browser_hash == browser_hash,
        states.used_at.is_(None),
        states.expires_at > now,
    )
    if await tx.count_changed(update(oauth_states).where(is_good).values(used_at=now)) != 1:
        return None
    row = await tx.one_or_none(
        select(oauth_states, data_keys.c.sealed_key)
        .join(data_keys, data_keys.c.id == states.key_id)
        .where(states.hash == state_hash)
    )
    return None if row is None else _to_state(row)


def _is(organization_id: str, dialog_id: str) -> ColumnElement[bool]:
    return and_(dialogs.c.organization_id == organization_id, dialogs.c.id == dialog_id)


def _to_state(row: RowMapping) -> State:
    key = SealedKey(row["key_id"], row["organization_id"], row["sealed_key"])
    return State(row["hash"], row["organization_id"], row["dialog_id"], Sealed(row["secrets"], key))
