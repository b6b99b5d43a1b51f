"""Third parties as the hub knows them, what clients send about them, and what they see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from jackfield.auth import AuthenticationType, NoSignIn, SignIn
from jackfield.exchange import JsonObject
from jackfield.oauth.clients import Client
from jackfield_hub.auths.vault import SealedKey

ServiceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Key = Annotated[str, StringConstraints(pattern=r"^#?[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Text = Annotated[str, StringConstraints(max_length=10_000)]


class PropertyScope(StrEnum):
    """Who fills in a custom property."""

    USER = "user"  #: everybody who stores an authentication
    APP = "app"  #: whoever sets up the environment, once for all


class _Body(BaseModel):
    """What clients send. An unknown field is a misspelled one."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True, extra="forbid")


class CustomProperty(_Body):
    """Something a service needs to know besides what its sign-in asks for."""

    key: Key
    title: Title
    required: bool = True
    scope: PropertyScope = PropertyScope.USER
    masked: bool = Field(default=False, description="A secret: it is kept with the credentials, sealed and not shown.")


class ScopeOption(_Body):
    """A scope people may be asked to consent to."""

    scope: Text
    description: Text = ""


class WantedEnvironment(_Body):
    """One configuration of a service. What is left out is as the service says."""

    title: Title
    client_id: Text = Field(default="", alias="clientId", description="The OAuth app's id.")
    client_secret: SecretStr | None = Field(
        default=None,
        alias="clientSecret",
        description="Kept sealed. When an environment is changed: left out, it stays.",
    )
    base_url: Text = Field(default="", alias="baseUrl", description="For example that of a sandbox.")
    hosts: list[Text] = Field(default=[], max_length=100)
    sign_in: dict[str, Any] = Field(
        default={},
        alias="signIn",
        description="Settings of the sign-in that are different, such as `token_url`; or a sign-in of another `kind`.",
    )
    scopes: list[ScopeOption] | None = Field(default=None, max_length=500)
    properties: dict[Key, Text] = Field(default={}, description="The custom properties with the scope `app`.")


class ChangedService(_Body):
    """A service as it shall be."""

    title: Title
    base_url: Text = Field(default="", alias="baseUrl")
    hosts: list[Text] = Field(default=[], max_length=100, description="Further hosts the credentials may go to.")
    sign_in: dict[str, Any] = Field(
        default={"kind": "none"}, alias="signIn", description='For example `{"kind": "api_key", "name": "X-Key"}`.'
    )
    properties: list[CustomProperty] = Field(default=[], max_length=100)
    scopes: list[ScopeOption] = Field(default=[], max_length=500)


class NewService(ChangedService):
    """A service to register. Without an environment called "Production" it gets one."""

    name: ServiceName
    version: int = Field(default=1, ge=0, le=2**31 - 1)
    environments: list[WantedEnvironment] = Field(default=[], max_length=100)


@dataclass(frozen=True, slots=True)
class Service:
    """A third party's API: where it may be reached, and how one signs in. Credentials go to these hosts only."""

    service_id: str
    name: str
    version: int
    title: str
    base_url: str
    hosts: tuple[str, ...]
    sign_in: SignIn
    user_data_schema: JsonObject
    properties: tuple[CustomProperty, ...] = ()
    scopes: tuple[JsonObject, ...] = ()
    is_set_up: bool = False  #: by somebody, and not only by a deployment

    @property
    def needs_auth(self) -> bool:
        """Whether a call cannot work without an auth: it brings credentials, or says which server is meant."""
        return not isinstance(self.sign_in, NoSignIn) or bool(self.user_data_schema.get("required"))


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """The secrets of an environment, which only the vault reads: `{"clientSecret": "…", "properties": {…}}`."""

    content: bytes
    key: SealedKey


@dataclass(frozen=True, slots=True)
class ServiceEnvironment:
    """One configuration of a service: what an auth for it must hold, and what differs from the service."""

    environment_id: str
    organization_id: str
    service_id: str
    title: str
    authentication_type: AuthenticationType
    user_data_schema: JsonObject
    credentials_schema: JsonObject
    scopes: tuple[JsonObject, ...]  #: for example `{"scope": "chat:write", "description": "Send messages"}`
    base_url: str = ""  #: "": the service's; so with hosts
    hosts: tuple[str, ...] = ()
    sign_in_settings: JsonObject = field(default_factory=dict[str, Any])  #: those that differ from the service's
    client_id: str = ""
    properties: Mapping[str, str] = field(default_factory=dict[str, str])  #: with scope app, those that are no secret
    secrets: SealedSecrets | None = None


@dataclass(frozen=True, slots=True)
class OpenedEnvironment:
    """An environment's secrets, for as long as one call or one sign-in takes. Never stored, never printed."""

    client: Client | None = None  #: the OAuth app
    properties: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    secret_properties: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


class EnvironmentElement(BaseModel):
    """One way a service is set up. Auths are made for one of these."""

    id: str
    title: str
    authentication_type: AuthenticationType = Field(serialization_alias="authenticationType")
    user_data_schema: dict[str, Any] = Field(
        serialization_alias="userDataSchema", description="JSON Schema of `userData`; `{}` when nothing is asked."
    )
    credentials_schema: dict[str, Any] = Field(
        serialization_alias="credentialsSchema", description="JSON Schema of `credentials`; `{}` when nothing is asked."
    )
    scopes: list[dict[str, Any]] = Field(description='For example `[{"scope": "chat:write", "description": "…"}]`.')


class Environments(BaseModel):
    """The environments of a service."""

    elements: list[EnvironmentElement]


class EnvironmentAnswer(BaseModel):
    """An environment as its organization set it up, without its secrets."""

    id: str
    title: str
    client_id: str = Field(serialization_alias="clientId")
    has_client_secret: bool = Field(serialization_alias="hasClientSecret")
    base_url: str = Field(serialization_alias="baseUrl")
    hosts: list[str]
    sign_in: dict[str, Any] = Field(serialization_alias="signIn")
    scopes: list[dict[str, Any]]
    properties: dict[str, str | None] = Field(description="null: it is there, and masked.")


class ServiceSummary(BaseModel):
    """A service in a list."""

    id: str
    name: str
    version: int
    title: str
    authentication_type: AuthenticationType = Field(serialization_alias="authenticationType")


class ServiceAnswer(ServiceSummary):
    """A service with all its settings."""

    base_url: str = Field(serialization_alias="baseUrl")
    hosts: list[str]
    sign_in: dict[str, Any] = Field(serialization_alias="signIn")
    properties: list[CustomProperty]
    scopes: list[dict[str, Any]]
    environments: list[EnvironmentAnswer]


class Services(BaseModel):
    """The services of the caller's organization."""

    elements: list[ServiceSummary]
