"""Who people and programs are, here and to clients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from jackfield_hub.errors import Forbidden
from jackfield_hub.paging import PageInfo

NAMESPACE_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MAX_NAMESPACE_CHARACTERS = 63
PersonName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")]
Password = Annotated[str, StringConstraints(min_length=12, max_length=1000)]


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


class Right(StrEnum):
    """Something not everybody may do. rights.py says who may."""

    CALL = "call operations"  #: of the connectors one sees
    STORE_AUTHS = "store authentications"  #: and use, change and forget one's own
    DEPLOY = "deploy and share connectors"  #: one's own, or new ones
    MOVE_CREDENTIALS = "change a service that has authentications"  #: they go where the service says
    SEE_CALLS = "see the organization's calls"  #: who called what, and how it ended
    SEE_PAYLOADS = "see what went into calls and came out"  #: of anybody's; everybody sees their own
    SEE_PEOPLE = "see members and workspaces"  #: and the roles there are
    MANAGE_PEOPLE = "manage members, programs and workspaces"  #: their roles and tokens too
    MANAGE_NAMESPACE = "choose the namespace"  #: how all connectors' names begin
    SPEAK_FOR_ALL = "speak for the whole organization"  #: see and take over every connector
    MANAGE_END_USERS = "manage end users"  #: and make tokens for them


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `user_id` is None for the master token: it acts for the organization itself."""

    organization_id: str
    kind: CallerKind
    user_id: str | None
    token_hash: str
    rights: frozenset[Right]

    @property
    def owner_id(self) -> str | None:
        """Who owns what this caller stores: an end user, or None for the organization."""
        return self.user_id if self.kind is CallerKind.END_USER else None

    def may(self, right: Right) -> bool:
        """Tell whether the caller has this right."""
        return right in self.rights

    def require(self, right: Right) -> None:
        """Raise Forbidden, which names what is missing, unless the caller has this right."""
        if right not in self.rights:
            raise Forbidden(f"This token may not {right.value}")


class Me(BaseModel):
    """The answer to "who am I?"."""

    id: str
    username: str = Field(description="The id again: clients use it as a user id.")
    name: str
    email: str | None
    organization_id: str = Field(serialization_alias="organizationId")
    kind: CallerKind


class RoleElement(BaseModel):
    """A role one can have."""

    id: str
    name: Role


class Roles(BaseModel):
    """The roles there are."""

    elements: list[RoleElement]


class AccountType(StrEnum):
    """What stands behind an account."""

    USER = "user"  #: a person
    API = "api"  #: a program, which has only tokens


class UserElement(BaseModel):
    """A person or a program of the organization. End users are not among them."""

    id: str
    email: str | None
    name: str
    account_type: AccountType = Field(serialization_alias="accountType")
    role: RoleElement


class Users(BaseModel):
    """One page of the organization's people and programs."""

    elements: list[UserElement]
    page_info: PageInfo = Field(serialization_alias="pageInfo")


class NewUser(BaseModel):
    """A person to add to the organization."""

    name: PersonName
    email: Email
    organization_role_id: str = Field(alias="organizationRoleId")


class NewRole(BaseModel):
    """The role somebody shall have from now on."""

    role_id: str = Field(alias="roleId")


class NewInvite(BaseModel):
    """Somebody to ask in."""

    email: Email
    organization_role_id: str = Field(alias="organizationRoleId")


class Invite(BaseModel):
    """An open invitation."""

    invite_id: str = Field(serialization_alias="inviteId")
    expires: datetime


class InviteLink(BaseModel):
    """What the invited person needs to come in. It is shown this once; asking again makes a new one."""

    token: str
    expires: datetime


class Acceptance(BaseModel):
    """An invited person who comes in."""

    token: str = Field(max_length=200)
    name: PersonName
    password: Password


class NewApiUser(BaseModel):
    """A program that shall have tokens of its own."""

    name: PersonName
    email: Email | None = Field(default=None, description="Lets connectors be shared with it.")
    organization_role_id: str | None = Field(
        default=None, alias="organizationRoleId", description="Viewer, if it is not said."
    )
    workspace_id: str | None = Field(default=None, alias="workspaceId")
    workspace_role_id: str | None = Field(
        default=None, alias="workspaceRoleId", description="Contributor, if it is not said."
    )


class TokenPurpose(StrEnum):
    """Which kind of token to make."""

    API = "api"  #: acts as a program, or as the person who makes it
    MASTER = "master"  #: acts as the organization


class WantedToken(BaseModel):
    """A token to make."""

    name: PersonName
    kind: TokenPurpose = TokenPurpose.API
    user_id: str | None = Field(
        default=None, alias="userId", description="The program it is for; yourself, if it is not said."
    )
    expires_in_days: int = Field(default=90, alias="expiresInDays", ge=1, le=3650)


class TokenElement(BaseModel):
    """A token, as it is known after it was made: by its beginning."""

    id: str
    name: str
    kind: CallerKind
    prefix: str
    user_id: str | None = Field(serialization_alias="userId")
    created_at: datetime = Field(serialization_alias="createdAt")
    expires_at: datetime | None = Field(serialization_alias="expiresAt")


class MadeToken(TokenElement):
    """A token just made. Nobody can read its text again."""

    token: str


class Tokens(BaseModel):
    """Tokens that work."""

    elements: list[TokenElement]


class Namespace(BaseModel):
    """How the names of an organization's connectors begin: `acme` stands for `acme-…`."""

    namespace: str = Field(pattern=NAMESPACE_PATTERN, max_length=MAX_NAMESPACE_CHARACTERS)


class Nothing(BaseModel):
    """`{}`: it is done, and there is nothing to say."""
