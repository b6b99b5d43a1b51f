"""Storage as the hub knows it."""

from __future__ import annotations

from dataclasses import dataclass

from jackfield.storage_rules import Scope
from jackfield_hub.auths.vault import SEAL_BYTES, SealedKey


@dataclass(frozen=True, slots=True)
class Place:
    """Whose storage is meant. `owner` is a user's or a workspace's id; "" for the connector's own."""

    organization_id: str
    connector: str
    scope: Scope
    owner: str


@dataclass(frozen=True, slots=True)
class OpenStorage:
    """One storage while somebody changes it, alone. `version` is that of the latest change."""

    organization_id: str
    storage_id: str
    version: int


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A value as it lies in the database."""

    key: SealedKey
    content: bytes
    version: int
    expires_at: float | None

    @property
    def size(self) -> int:
        """How long it was before it was sealed."""
        return len(self.content) - SEAL_BYTES

    def is_over(self, now: float) -> bool:
        return self.expires_at is not None and self.expires_at <= now
