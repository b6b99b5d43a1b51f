"""Third parties as the hub knows them, and what clients see of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from jackfield.auth import AuthenticationType, NoSignIn, SignIn
from jackfield.exchange import JsonObject


@dataclass(frozen=True, slots=True)
class Service:
    """A third party's API: where it may be reached, and how one signs in. Credentials go to these hosts only."""

    service_id: str
    name: str
    version: int
    base_url: str
    hosts: tuple[str, ...]
    sign_in: SignIn
    user_data_schema: JsonObject

    @property
    def needs_auth(self) -> bool:
        """Whether a call cannot work without an auth: it brings credentials, or says which server is meant."""
        return not isinstance(self.sign_in, NoSignIn) or bool(self.user_data_schema.get("required"))


@dataclass(frozen=True, slots=True)
class ServiceEnvironment:
    """One configuration of a service: what an auth for it must hold."""

    environment_id: str
    service_id: str
    title: str
    authentication_type: AuthenticationType
    user_data_schema: JsonObject
    credentials_schema: JsonObject
    scopes: tuple[JsonObject, ...]  #: for example `{"scope": "chat:write", "description": "Send messages"}`


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
