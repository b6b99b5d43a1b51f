"""Jobs in the database: one statement a function. Whoever changes a job shows the fence of its claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, or_, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.jobs.turns import Range
from jackfield_hub.tables import jobs


async def insert(tx: Transaction, **values: Any) -> bool:
    """Store a job; return False when one of its kind with the same `dedupe` is there already."""
    return await tx.insert_if_absent(jobs, values)


async def find_next(
    tx: Transaction, kind: str, order: Iterable[Range], now: float, *, to_claim: bool = False
) -> str | None:
    """Return the id of the job whose turn it is, or None when there is none that nobody works on.

    With `to_claim` those that somebody else is about to claim are passed over.
    """
    for some in order:
        due = select(jobs.c.id).where(jobs.c.kind == kind, _is_due(now), *_is_in(some))
        next_one = due.order_by(jobs.c.share_of, jobs.c.run_after, jobs.c.created_at).limit(1)
        # Postgres: claimers do not queue for one row. SQLite has no need of it.
        job_id = await tx.scalar(next_one.with_for_update(skip_locked=True) if to_claim else next_one)
        if job_id is not None:
            return job_id
    return None


async def list_due_kinds(tx: Transaction, now: float) -> set[str]:
    """Return the kinds of which there are jobs that nobody works on: nearly always none."""
    return {row["kind"] for row in await tx.rows(select(jobs.c.kind).where(_is_due(now)).distinct())}


async def count_waiting(tx: Transaction, now: float) -> Sequence[RowMapping]:
    """Return how many jobs of each kind nobody is working on, and since when the oldest of them could have begun."""
    since = func.min(jobs.c.run_after).label("since")
    return await tx.rows(
        select(jobs.c.kind, func.count().label("jobs"), since).where(_is_due(now)).group_by(jobs.c.kind)
    )


async def claim(tx: Transaction, job_id: str, now: float, lease_until: float) -> RowMapping | None:
    """Take a job; return it as it is after the claim, or None when somebody else was quicker."""
    return await tx.one_or_none(
        update(jobs)
        .where(jobs.c.id == job_id, _is_due(now))
        .values(lease_until=lease_until, fence=jobs.c.fence + 1, attempt=jobs.c.attempt + 1)
        .returning(jobs)
    )


async def renew(tx: Transaction, job_id: str, fence: int, lease_until: float) -> bool:
    """Keep a job a while longer; return False when somebody else has it."""
    return await tx.count_changed(update(jobs).where(_is_claim(job_id, fence)).values(lease_until=lease_until)) == 1


async def release(tx: Transaction, job_id: str, fence: int, run_after: float, attempt: int) -> bool:
    """Give a job back, to be tried at `run_after`; return False when somebody else has it."""
    giving_back = update(jobs).where(_is_claim(job_id, fence))
    return await tx.count_changed(giving_back.values(lease_until=None, run_after=run_after, attempt=attempt)) == 1


async def remove(tx: Transaction, job_id: str, fence: int) -> bool:
    """Take a finished job away; return False when somebody else has it."""
    return await tx.count_changed(delete(jobs).where(_is_claim(job_id, fence))) == 1


def _is_due(now: float) -> ColumnElement[bool]:
    return and_(jobs.c.run_after <= now, or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= now))


def _is_in(some: Range) -> Iterator[ColumnElement[bool]]:
    if some.above is not None:
        yield jobs.c.share_of > some.above
    if some.below is not None:
        yield jobs.c.share_of < some.below


def _is_claim(job_id: str, fence: int) -> ColumnElement[bool]:
    return and_(jobs.c.id == job_id, jobs.c.fence == fence)
