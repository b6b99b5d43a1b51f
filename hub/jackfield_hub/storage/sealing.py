"""Values on their way into the database and out of it: each opens where it belongs, and nowhere else."""

from __future__ import annotations

from jackfield.errors import PlatformError
from jackfield.storage_rules import Kept
from jackfield_hub.auths.sealed_rows import row_id
from jackfield_hub.auths.vault import DoesNotOpen, SealedKey, Spot, Vault
from jackfield_hub.logs import describe, log
from jackfield_hub.storage.shapes import OpenStorage, SealedValue

FIELD = "content"


def spot_of_value(storage: OpenStorage, key: str) -> Spot:
    """Return where the value under a key belongs."""
    return Spot(storage.organization_id, row_id(storage.storage_id, key), FIELD)


def spot_in_queue(storage: OpenStorage, queue: str, version: int) -> Spot:
    """Return where something that was pushed belongs."""
    return Spot(storage.organization_id, row_id(storage.storage_id, version, queue), FIELD)


def sealed(vault: Vault, key: SealedKey, spot: Spot, kept: Kept) -> SealedValue:
    """Return a value as it may be stored."""
    return SealedValue(key, vault.seal(key, spot, kept.content), kept.version, kept.expires_at)


def opened(vault: Vault, spot: Spot, there: SealedValue) -> Kept:
    """Return a value that can be read. Raises PlatformError, MasterKeyAway."""
    try:
        return Kept(vault.unseal(there.key, spot, there.content), there.version, there.expires_at)
    except DoesNotOpen as failure:
        log.error("stored_value_does_not_open", **describe(failure))
        raise PlatformError("What is kept here does not open: it was sealed with a key this hub has not.") from None
