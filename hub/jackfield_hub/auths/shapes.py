"""Stored credentials as the hub keeps them, what clients send, and what they see (never a secret)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from jackfield.exchange import JsonObject
from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.json_body import invalid

AuthName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


@dataclass(frozen=True, slots=True)
class SealedAuth:
    """An auth as it is stored: nobody can read it without the vault. This is what may be kept in memory."""

    auth_id: str
    organization_id: str
    owner_id: str | None  #: the end user it belongs to; None: the organization's own
    service_environment_id: str
    service_id: str
    name: str
    scopes: tuple[str, ...]
    user_data: bytes
    credentials: bytes
    key: SealedKey


@dataclass(frozen=True, slots=True)
class OpenedAuth:
    """An auth with its secrets, for the length of one call. Never stored, never kept, never printed."""

    auth_id: str
    user_data: JsonObject
    credentials: JsonObject

    def __repr__(self) -> str:
        return f"OpenedAuth({self.auth_id})"


class NewAuthentication(BaseModel):
    """Credentials to store. Only their form is checked here, not whether the third party takes them."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True)

    name: AuthName
    service_environment_id: str = Field(alias="serviceEnvironmentId", max_length=100)
    user_data: dict[str, Any] = Field(
        default={}, alias="userData", description="Fits the environment's `userDataSchema`."
    )
    credentials: dict[str, Any] = Field(default={}, description="Fits the environment's `credentialsSchema`.")
    scopes: list[str] = Field(default=[], max_length=500)


def read_new(body: JsonObject) -> NewAuthentication:
    """Return what a body asks to store. Raises InvalidInput, which names the field and does not repeat its value."""
    try:
        return NewAuthentication.model_validate(body)
    except ValidationError as mistake:
        first = mistake.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid(f"{first['msg']} at '{where}'") from None


class AuthenticationId(BaseModel):
    """The id to call with, as `authId`."""

    id: str


class Authentication(BaseModel):
    """A stored authentication. What is secret in it is never answered here."""

    id: str
    name: str
    service_environment_id: str = Field(serialization_alias="serviceEnvironmentId")
    scopes: list[str]
