"""Changes in the database: written in the transaction that makes them. (They are read by outlook.py.)"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, cast, delete, func, select

from jackfield_hub.changes.shapes import Change
from jackfield_hub.tables import changes

if TYPE_CHECKING:
    from jackfield_hub.database import Transaction

CHANNEL = "jackfield_changes"


async def write_down(tx: Transaction, made: Iterable[Change]) -> None:
    """Store what a transaction has changed. On Postgres those who listen hear of it as soon as it commits."""
    rows = [asdict(change) for change in made]
    if not rows:
        return
    at = await tx.now()
    transaction_id = cast(cast(func.pg_current_xact_id(), Text), BigInteger) if tx.is_postgres else None
    for row in rows:
        await tx.execute(changes.insert().values(**row, at=at, transaction_id=transaction_id))
    if tx.is_postgres:
        await tx.execute(select(func.pg_notify(CHANNEL, "")))


async def forget_old(tx: Transaction, seconds: float) -> None:
    """Remove the changes that were made longer ago than that: whoever wanted to know them knows them."""
    await tx.execute(delete(changes).where(changes.c.at < await tx.now() - seconds))
