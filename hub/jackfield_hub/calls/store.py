"""What calls have left behind, as one reads it: in usage.db, or in the hub's Postgres database.

How it is written is the ledger's own affair (ledger/file_store.py, ledger/postgres_store.py).
"""

from __future__ import annotations

from sqlalchemy import func, select

from jackfield_hub.calls.shapes import KeptCall, PromiseState, TaskOutcome
from jackfield_hub.database import Transaction
from jackfield_hub.idempotency.shapes import Promise
from jackfield_hub.tables import promises, totals


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
