"""End users, how to look for them, and the code that lets one into the sign-in dialog."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EndUser:
    """One of the customer's own users."""

    user_id: str
    name: str
    external_id: str  #: what the customer calls them
    is_test: bool


@dataclass(frozen=True, slots=True)
class Criteria:
    """Whom to look for: all that is said has to be exactly so. Nothing said: everybody."""

    user_id: str | None = None
    external_id: str | None = None
    name: str | None = None
    is_test: bool | None = None


@dataclass(frozen=True, slots=True)
class EndUsers:
    """One page of end users, in the order of their ids."""

    elements: list[EndUser]
    has_previous: bool
    has_next: bool


@dataclass(frozen=True, slots=True)
class NewCode:
    """An authorization code just made. It works once, for a few minutes."""

    text: str = field(repr=False)
    expires_at: float
