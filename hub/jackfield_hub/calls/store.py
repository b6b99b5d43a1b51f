"""What calls have left behind, as one reads it: in usage.db, or in the hub's Postgres database.

How it is written is the ledger's own affair (ledger/file_store.py, ledger/postgres_store.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, select

from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.calls.shapes import KeptCall, PromiseState, SealedEntry, TaskOutcome
from jackfield_hub.database import Transaction
from jackfield_hub.idempotency.shapes import Promise
from jackfield_hub.tables import authors_logs, data_keys, promises, totals


async def count_tasks(tx: Transaction, organization_id: str) -> int:
    """Return how many tasks this organization has used."""
    used = select(func.sum(totals.c.tasks)).where(totals.c.organization_id == organization_id)
    return int(await tx.scalar(used) or 0)


async def find_promise(tx: Transaction, promise: Promise, since: float) -> KeptCall | None:
    """Return what is known of the call with this key, if it was begun after `since`."""
    row = await tx.one_or_none(
        select(promises.c.body_hash, promises.c.state, promises.c.outcome, promises.c.output).where(
            promises.c.organization_id == promise.organization_id,
            promises.c.actor == promise.actor,
            promises.c.key_hash == promise.key_hash,
            promises.c.created_at > since,
        )
    )
    if row is None:
        return None
    return KeptCall(row["body_hash"], PromiseState(row["state"]), TaskOutcome(row["outcome"]), row["output"])


async def insert_log_entries(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Store what calls have left for authors."""
    await tx.execute(insert(authors_logs), rows)


async def delete_log_entries_beyond(
    tx: Transaction, organization_id: str, connector: str, version: str, kept: int
) -> None:
    """Forget all but the newest entries of a connector version."""
    older = select(authors_logs.c.id).where(_is_log_of(organization_id, connector, version))
    older = older.order_by(authors_logs.c.created_at.desc(), authors_logs.c.id.desc()).offset(kept)
    ids = [row["id"] for row in await tx.rows(older)]
    if ids:
        await tx.execute(delete(authors_logs).where(authors_logs.c.id.in_(ids)))


async def list_log_entries(
    tx: Transaction, organization_id: str, connector: str, version: str, now: float
) -> list[SealedEntry]:
    """Return what is kept of a connector version, without that whose time is over."""
    rows = await tx.rows(
        select(authors_logs, data_keys.c.sealed_key)
        .join(data_keys, authors_logs.c.key_id == data_keys.c.id)
        .where(_is_log_of(organization_id, connector, version), authors_logs.c.expires_at > now)
    )
    return [
        SealedEntry(
            entry_id=row["id"],
            key=SealedKey(row["key_id"], organization_id, row["sealed_key"]),
            at=row["created_at"],
            request_id=row["request_id"],
            operation=row["operation"],
            outcome=row["outcome"],
            text=row["text"],
        )
        for row in rows
    ]


async def delete_expired_log_entries(tx: Transaction, now: float, at_most: int) -> int:
    """Forget entries whose time is over; return how many that were."""
    some = select(authors_logs.c.id).where(authors_logs.c.expires_at <= now).limit(at_most)
    return await tx.count_changed(delete(authors_logs).where(authors_logs.c.id.in_(some)))


def _is_log_of(organization_id: str, connector: str, version: str) -> ColumnElement[bool]:
    return and_(
        authors_logs.c.organization_id == organization_id,
        authors_logs.c.connector == connector,
        authors_logs.c.version == version,
    )
