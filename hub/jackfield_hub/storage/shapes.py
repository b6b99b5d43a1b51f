"""Storage as the hub knows it."""

from __future__ import annotations

from dataclasses import dataclass

from jackfield.storage_rules import Scope


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
