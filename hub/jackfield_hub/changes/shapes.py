"""What can change that somebody remembers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What has changed, and what `Change.key` says then."""

    TOKEN = "token"  #: a token or session has ended; its SHA-256 in hex
    USER = "user"  #: somebody was removed, or may do something else from now on; their id
    CATALOG = "catalog"  #: a connector was deployed or shared; no key: all the organization has deployed
    SERVICES = "services"  #: a service or an environment; no key: connectors and auths are remembered with theirs
    AUTH = "auth"  #: other credentials, another name, or none any more; its id


@dataclass(frozen=True, slots=True)
class Change:
    """Something an organization has, and which is no longer as somebody may remember it."""

    organization_id: str
    kind: Kind
    key: str = ""
