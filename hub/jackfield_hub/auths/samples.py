"""Whether what is sealed can be opened: every data key, and of what each of them seals one row of every kind."""

from __future__ import annotations

from jackfield_hub.auths import store
from jackfield_hub.auths.sealed_rows import SEALED, SealedRow
from jackfield_hub.auths.vault import DoesNotOpen, Spot, Vault
from jackfield_hub.database import Transaction


async def list_that_do_not_open(vault: Vault, tx: Transaction) -> set[str]:
    """Return the organizations that have something sealed which this vault cannot open. Raises MasterKeyAway."""
    shut = {key.organization_id for key in await store.list_data_keys(tx) if not vault.opens(key)}
    for sealed in SEALED:
        for row in await store.list_one_of_each_key(tx, sealed):
            if row.old_key.organization_id not in shut and not _opens(vault, row):
                shut.add(row.old_key.organization_id)
    return shut


def _opens(vault: Vault, row: SealedRow) -> bool:
    try:
        for field, content in row.fields.items():
            if content:
                vault.unseal(row.old_key, Spot(row.old_key.organization_id, row.row_id, field), content)
    except DoesNotOpen:
        return False
    return True
