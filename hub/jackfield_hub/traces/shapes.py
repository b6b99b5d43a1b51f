"""What spans are about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AboutCall:
    """What a span says about a call from its beginning."""

    organization_id: str
    connector: str
    version: str
    operation: str
    request_id: str
