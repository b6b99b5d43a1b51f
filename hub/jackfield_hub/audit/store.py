"""The statement that writes an audit entry. There is none that changes or removes one."""

from __future__ import annotations

from typing import Any

from jackfield_hub.database import Transaction
from jackfield_hub.tables import audit


async def insert(tx: Transaction, **values: Any) -> None:
    """Store an entry."""
    await tx.execute(audit.insert().values(**values))
