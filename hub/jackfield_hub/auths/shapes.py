"""Stored credentials as the hub keeps them, what clients send, and what they see."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jackfield.auth import SignIn
from jackfield.exchange import JsonObject
from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.services.shapes import OpenedEnvironment, Service, ServiceEnvironment

AuthName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class AuthState(StrEnum):
    """Whether an auth can be used."""

    ACTIVE = "active"
    NEEDS_REAUTH = "needs_reauth"  #: the provider has ended it: somebody has to sign in again


@dataclass(frozen=True, slots=True)
class SealedAuth:
    """An auth as it is stored: nobody can read it without the vault. This is what may be kept in memory."""

    auth_id: str
    organization_id: str
    owner_id: str | None  #: the end user it belongs to; None: the organization's own
    environment: ServiceEnvironment
    name: str
    scopes: tuple[str, ...]
    user_data: bytes
    credentials: bytes
    key: SealedKey
    version: int  #: another one means other credentials
    refreshed_at: float | None

    @property
    def service_id(self) -> str:
        return self.environment.service_id

    @property
    def size(self) -> int:
        """How many bytes of memory it takes, about."""
        return len(self.user_data) + len(self.credentials) + 1000


@dataclass(slots=True)
class OpenedAuth:
    """An auth with its secrets, for the length of one call. Never stored, never kept, never printed.

    `service` is where these credentials may go: the service with what its environment changes.
    """

    sealed: SealedAuth
    service: Service = field(repr=False)
    environment: OpenedEnvironment = field(repr=False)
    own_user_data: JsonObject = field(repr=False)
    credentials: JsonObject = field(repr=False)

    @property
    def auth_id(self) -> str:
        return self.sealed.auth_id

    @property
    def sign_in(self) -> SignIn:
        return self.service.sign_in

    @property
    def user_data(self) -> JsonObject:
        """What the auth's owner said, and what holds for the whole environment: they cannot say that otherwise."""
        return {**self.own_user_data, **self.environment.properties}

    @property
    def scopes(self) -> tuple[str, ...] | None:
        """What is asked for at the provider; None: what the sign-in says."""
        return self.sealed.scopes or tuple(one["scope"] for one in self.sealed.environment.scopes) or None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the renewal of an auth is, as any process may look it up."""

    version: int
    state: AuthState
    lease_until: float | None
    rests_until: float | None  #: until then nobody asks the provider
    problem: JsonObject | None  #: why: `{"kind": "ProviderBroken", "message": "…", "retryAt": 1893456000.0}`
    refused_at: float | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to renew one auth. Whoever comes later has a larger fence."""

    organization_id: str
    auth_id: str
    fence: int
    version: int  #: of the credentials that are to be renewed
    refused_at: float | None  #: when the provider refused to renew them before


class _Wanted(BaseModel):
    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True)

    name: AuthName
    scopes: list[str] | None = Field(default=None, max_length=500)
    on_prem_agent_group_id: UUID | None = Field(
        default=None, alias="onPremAgentGroupId", description="This hub has no such agents: any but null is refused."
    )


class NewAuthentication(_Wanted):
    """Credentials to store. Only their form is checked here, not whether the third party takes them."""

    service_environment_id: str = Field(alias="serviceEnvironmentId", max_length=100)
    user_data: dict[str, Any] = Field(
        default={}, alias="userData", description="Fits the environment's `userDataSchema`."
    )
    credentials: dict[str, Any] = Field(default={}, description="Fits the environment's `credentialsSchema`.")


class ChangedAuthentication(_Wanted):
    """An authentication as it shall be. User data and scopes that are left out stay."""

    user_data: dict[str, Any] | None = Field(default=None, alias="userData")
    credentials: dict[str, Any]


class AuthenticationId(BaseModel):
    """The id to call with, as `authId`."""

    id: str


class Authentication(BaseModel):
    """A stored authentication. What is secret in it is never answered here."""

    id: str
    name: str
    service_environment_id: str = Field(serialization_alias="serviceEnvironmentId")
    scopes: list[str]


class FullAuthentication(Authentication):
    """A stored authentication with its secrets, for its owner."""

    user_data: dict[str, Any] = Field(serialization_alias="userData")
    credentials: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListedAuth:
    """An auth in a list of its owner's."""

    auth_id: str
    name: str
    state: AuthState
    service: Service
    environment_id: str
    environment_title: str


@dataclass(frozen=True, slots=True)
class ListedAuths:
    """One page of an owner's auths, in the order of their ids."""

    elements: list[ListedAuth]
    has_previous: bool
    has_next: bool
