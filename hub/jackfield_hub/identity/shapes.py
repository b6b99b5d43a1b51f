"""Who people and programs are, here and to clients."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, Field


class CallerKind(StrEnum):
    """What a token lets its bearer act as."""

    MASTER = "master"  #: the organization itself
    API = "api"  #: a program with a role of its own
    END_USER = "user"  #: one of the customer's own users


class UserKind(StrEnum):
    """Where a user comes from."""

    MEMBER = "member"  #: somebody of the organization, who signs in with a password
    API = "api"  #: a program of the organization, which has only tokens
    END_USER = "end_user"  #: one of the customer's own users


class Role(StrEnum):
    """What a member or a program may do in the organization."""

    OWNER = "Owner"  #: everything; there is one
    ADMIN = "Admin"  #: everything but giving the organization away
    CONTRIBUTOR = "Contributor"  #: makes things
    VIEWER = "Viewer"  #: looks


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `user_id` is None for the master token: it acts for the organization itself."""

    organization_id: str
    kind: CallerKind
    user_id: str | None
    token_hash: str


class Me(BaseModel):
    """The answer to "who am I?"."""

    id: str
    username: str = Field(description="The id again: clients use it as a user id.")
    name: str
    email: str | None
    organization_id: str = Field(serialization_alias="organizationId")
    kind: CallerKind
