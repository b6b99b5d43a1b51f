"""Promises in the database, beside what they promise. (Those of calls are in usage.db: calls/store.py.)"""

from __future__ import annotations

from sqlalchemy import ColumnElement, RowMapping, and_, delete, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.idempotency.shapes import Promise
from jackfield_hub.tables import idempotency_keys

_KEYS = idempotency_keys.c


async def insert_promise(tx: Transaction, promise: Promise, now: float) -> bool:
    """Store a promise; return False when there is one with this key."""
    values = {"body_hash": promise.body_hash, "answer": b"", "created_at": now}
    return await tx.insert_if_absent(idempotency_keys, {**_key_of(promise), **values})


async def find_promise(tx: Transaction, promise: Promise, since: float) -> RowMapping | None:
    """Return body_hash and answer of the promise with this key, if it is not older than `since`."""
    return await tx.one_or_none(select(_KEYS.body_hash, _KEYS.answer).where(_is(promise), _KEYS.created_at > since))


async def set_answer(tx: Transaction, promise: Promise, answer: bytes) -> None:
    await tx.execute(update(idempotency_keys).where(_is(promise)).values(answer=answer))


async def forget_old(tx: Transaction, organization_id: str, until: float) -> None:
    """Remove an organization's promises that were made until then."""
    await tx.execute(
        delete(idempotency_keys).where(_KEYS.organization_id == organization_id, _KEYS.created_at <= until)
    )


def _key_of(promise: Promise) -> dict[str, str]:
    return {
        "organization_id": promise.organization_id,
        "actor": promise.actor,
        "route": promise.route,
        "key_hash": promise.key_hash,
    }


def _is(promise: Promise) -> ColumnElement[bool]:
    return and_(*(_KEYS[name] == value for name, value in _key_of(promise).items()))
