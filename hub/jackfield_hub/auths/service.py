"""Stored credentials: sealed when they come in, opened for one call, never answered.

An end user's auths are that user's; those made with the organization's own tokens are shared by these tokens.
"""

from __future__ import annotations

import uuid
from typing import Literal

import orjson

from jackfield.exchange import JsonObject
from jackfield.validation import Schema
from jackfield_hub.auths import store
from jackfield_hub.auths.shapes import Authentication, NewAuthentication, OpenedAuth, SealedAuth
from jackfield_hub.auths.vault import DoesNotOpen, SealedKey, Spot
from jackfield_hub.database import Transaction
from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, Refused
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller, CallerKind
from jackfield_hub.services import service as services
from jackfield_hub.services.shapes import Service, ServiceEnvironment


class CannotBeOpened(Refused):
    """The auth was sealed with a master key this hub does not have: another data folder's, or a lost one."""

    status = 500
    code = "auth_cannot_be_opened"


SealedField = Literal["user_data", "credentials"]


async def create_auth(hub: Hub, caller: Caller, wanted: NewAuthentication) -> str:
    """Store credentials and return the auth's id. Raises InvalidInput, NotFound for an unknown environment."""
    async with hub.database.reading() as tx:
        environment = await services.find_environment(tx, caller.organization_id, wanted.service_environment_id)
    _check(wanted, environment)
    auth_id, now = str(uuid.uuid4()), hub.clock()
    async with hub.database.transaction() as tx:
        key = await _data_key(hub, tx, caller.organization_id, now)
        await store.insert_auth(
            tx,
            id=auth_id,
            organization_id=caller.organization_id,
            owner_id=_owner_id(caller),
            service_environment_id=environment.environment_id,
            key_id=key.key_id,
            name=wanted.name,
            scopes=wanted.scopes,
            user_data=_seal(hub, key, auth_id, "user_data", wanted.user_data),
            credentials=_seal(hub, key, auth_id, "credentials", wanted.credentials),
            created_at=now,
            updated_at=now,
        )
    return auth_id


async def read_auth(hub: Hub, caller: Caller, auth_id: str) -> Authentication:
    """Return what may be seen of the caller's auth. Raises NotFound, or Forbidden when it is somebody else's."""
    auth = await _find_own(hub, caller, auth_id)
    return Authentication(
        id=auth.auth_id,
        name=auth.name,
        service_environment_id=auth.service_environment_id,
        scopes=list(auth.scopes),
    )


async def delete_auth(hub: Hub, caller: Caller, auth_id: str) -> None:
    """Forget the caller's auth; calls with it stop working at once. Raises NotFound, Forbidden."""
    auth = await _find_own(hub, caller, auth_id)
    async with hub.database.transaction() as tx:
        await store.delete_auth(tx, auth.organization_id, auth.auth_id)
        tx.after_commit.append(lambda: hub.known_auths.forget(auth.organization_id, auth.auth_id))


async def find_for_call(hub: Hub, caller: Caller, auth_id: str, service: Service) -> SealedAuth:
    """Return the caller's auth for this service. Raises NotFound, or Forbidden: not theirs, or for another service."""
    auth = await _find_own(hub, caller, auth_id)
    if auth.service_id != service.service_id:
        raise Forbidden(f"The authentication {auth_id} is not for the service {service.name} version {service.version}")
    return auth


def open_auth(hub: Hub, auth: SealedAuth) -> OpenedAuth:
    """Return the auth with its secrets, for one call. Raises CannotBeOpened."""
    try:
        return OpenedAuth(
            auth_id=auth.auth_id,
            user_data=_unseal(hub, auth, "user_data", auth.user_data),
            credentials=_unseal(hub, auth, "credentials", auth.credentials),
        )
    except DoesNotOpen:
        raise CannotBeOpened(
            f"The authentication {auth.auth_id} was sealed with another master key than this hub's. Put the key file "
            "back, or store the authentication again."
        ) from None


async def _find_own(hub: Hub, caller: Caller, auth_id: str) -> SealedAuth:
    key = (caller.organization_id, auth_id)
    auth = hub.known_auths.find(key) or await _read_auth(hub, key)
    if auth.owner_id != _owner_id(caller):
        raise Forbidden
    return auth


async def _read_auth(hub: Hub, key: tuple[str, str]) -> SealedAuth:
    organization_id, auth_id = key
    epoch = hub.known_auths.epoch(organization_id)
    async with hub.database.reading() as tx:
        auth = await store.find_auth(tx, organization_id, auth_id)
    if auth is None:
        raise NotFound(f"The authentication {auth_id:.50} was not found")
    hub.known_auths.remember(key, auth, epoch)
    return auth


def _owner_id(caller: Caller) -> str | None:
    return caller.user_id if caller.kind is CallerKind.END_USER else None


def _check(wanted: NewAuthentication, environment: ServiceEnvironment) -> None:
    if len(set(wanted.scopes)) != len(wanted.scopes):
        raise InvalidInput("Invalid value for: body (a scope is named twice at 'scopes')")
    _check_fits("userData", environment.user_data_schema, wanted.user_data)
    _check_fits("credentials", environment.credentials_schema, wanted.credentials)


def _check_fits(name: str, schema: JsonObject, value: JsonObject) -> None:
    problems = Schema(schema).problems(value)
    if problems:
        listed = ", ".join(f"{number} - {problem}" for number, problem in enumerate(problems, start=1))
        raise InvalidInput(f"Authentication {name} validation failed. Schema validation errors:\n[ {listed} ]")


async def _data_key(hub: Hub, tx: Transaction, organization_id: str, now: float) -> SealedKey:
    key = await store.find_data_key(tx, organization_id)
    if key is None:
        key = hub.vault.new_data_key(organization_id)
        await store.insert_data_key(tx, key, now)
    return key


def _seal(hub: Hub, key: SealedKey, auth_id: str, field: SealedField, value: JsonObject) -> bytes:
    return hub.vault.seal(key, Spot(key.organization_id, auth_id, field), orjson.dumps(value))


def _unseal(hub: Hub, auth: SealedAuth, field: SealedField, sealed: bytes) -> JsonObject:
    return orjson.loads(hub.vault.unseal(auth.key, Spot(auth.organization_id, auth.auth_id, field), sealed))
