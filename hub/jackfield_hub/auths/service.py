"""Stored credentials: sealed when they come in, opened for one call, shown to nobody but their owner.

An end user's auths are that user's; those made with the organization's own tokens are shared by these tokens.
"""

from __future__ import annotations

import math
import time
import uuid
from functools import partial
from typing import Any
from uuid import UUID

from jackfield.errors import OperationError
from jackfield.exchange import JsonObject
from jackfield.oauth.errors import InvalidGrant
from jackfield.oauth.token_answers import needs_refresh, with_expiry
from jackfield.oauth.ways import TokenHolder
from jackfield.validation import Schema
from jackfield_hub.audit import service as audit
from jackfield_hub.audit.service import Action
from jackfield_hub.auths import store
from jackfield_hub.auths.errand import expiry_of
from jackfield_hub.auths.opening import find_sealed, open_auth
from jackfield_hub.auths.provider import PROVIDER_SECONDS, is_renewable
from jackfield_hub.auths.renewal import renew
from jackfield_hub.auths.sealing import newest_data_key, open_json, seal_json
from jackfield_hub.auths.shapes import (
    Authentication,
    AuthState,
    ChangedAuthentication,
    FullAuthentication,
    ListedAuth,
    ListedAuths,
    NewAuthentication,
    OpenedAuth,
    SealedAuth,
)
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import Transaction
from jackfield_hub.errors import Conflict, Forbidden, InvalidInput, NotFound, Refused
from jackfield_hub.hub import Hub
from jackfield_hub.idempotency import service as idempotency
from jackfield_hub.idempotency.shapes import Promise
from jackfield_hub.identity.shapes import Caller, CallerKind, Right
from jackfield_hub.logs import log
from jackfield_hub.paging import Stretch
from jackfield_hub.services.finding import find_environment, find_service
from jackfield_hub.services.shapes import Service, ServiceEnvironment

FRESH_SECONDS = 30.0  # a token that is younger and still refused is not refused for its age


class SignInAgain(Conflict):
    """The provider has ended this sign-in: somebody has to sign in again."""

    code = "sign_in_again"


class NotRenewed(Refused):
    """The provider gave no new access token."""

    status = 502
    code = "not_renewed"

    def __init__(self, problem: OperationError) -> None:
        pause = problem.retry_after_seconds
        super().__init__(problem.message, {} if pause is None else {"Retry-After": str(math.ceil(pause))})


async def create_auth(hub: Hub, caller: Caller, wanted: NewAuthentication, promise: Promise | None = None) -> str:
    """Store credentials and return the auth's id.

    Raises InvalidInput, NotFound for an unknown environment, IdempotencyKeyReused.
    """
    caller.require(Right.STORE_AUTHS)
    async with hub.database.reading(caller.organization_id) as tx:
        known = await idempotency.find_answer(hub, tx, promise)
        if known is not None:
            return known.decode()
        environment = await find_environment(tx, caller.organization_id, wanted.service_environment_id)
    _check_reachable(wanted.on_prem_agent_group_id)
    _check_scopes(wanted.scopes)
    _check(environment, wanted.user_data, wanted.credentials)
    auth_id, now = str(uuid.uuid4()), hub.clock()
    async with hub.database.transaction(caller.organization_id) as tx:
        known = await idempotency.claim(hub, tx, promise)
        if known is not None:
            return known.decode()
        await idempotency.keep(hub, tx, promise, auth_id.encode())
        sealed = await _sealed(
            hub, tx, caller.organization_id, auth_id, user_data=wanted.user_data, credentials=wanted.credentials
        )
        await store.insert_auth(
            tx,
            id=auth_id,
            organization_id=caller.organization_id,
            owner_id=_owner_id(caller),
            service_environment_id=environment.environment_id,
            name=wanted.name,
            scopes=wanted.scopes or [],
            state=AuthState.ACTIVE,
            version=0,
            refresh_fence=0,
            created_at=now,
            updated_at=now,
            **sealed,
        )
    return auth_id


async def change_auth(hub: Hub, caller: Caller, auth_id: str, wanted: ChangedAuthentication) -> Authentication:
    """Store other credentials in an auth; it is active again. Raises NotFound, Forbidden, InvalidInput."""
    caller.require(Right.STORE_AUTHS)
    known = await _find_own(hub, caller, auth_id)
    user_data = wanted.user_data
    if user_data is None:
        user_data = open_json(hub.vault, known.key, auth_id, "user_data", known.user_data)
    _check_reachable(wanted.on_prem_agent_group_id)
    _check_scopes(wanted.scopes)
    _check(known.environment, user_data, wanted.credentials)
    scopes = list(known.scopes) if wanted.scopes is None else wanted.scopes
    async with hub.database.transaction(caller.organization_id) as tx:
        sealed = await _sealed(
            hub, tx, caller.organization_id, auth_id, user_data=user_data, credentials=wanted.credentials
        )
        await store.replace_auth(
            tx, caller.organization_id, auth_id, name=wanted.name, scopes=scopes, updated_at=hub.clock(), **sealed
        )
        tx.changed(caller.organization_id, Kind.AUTH, auth_id)
    return await read_auth(hub, caller, auth_id)


async def rename_auth(hub: Hub, caller: Caller, auth_id: str, name: str) -> None:
    """Give an auth another name. Its credentials are left alone: somebody may be renewing them."""
    caller.require(Right.STORE_AUTHS)
    await _find_own(hub, caller, auth_id)
    async with hub.database.transaction(caller.organization_id) as tx:
        await store.rename_auth(tx, caller.organization_id, auth_id, name, hub.clock())
        tx.changed(caller.organization_id, Kind.AUTH, auth_id)


async def read_auth(hub: Hub, caller: Caller, auth_id: str) -> Authentication:
    """Return what may be seen of the caller's auth. Raises NotFound, or Forbidden when it is somebody else's."""
    return Authentication(**_seen(await _find_own(hub, caller, auth_id)))


async def show_auth(
    hub: Hub, caller: Caller, auth_id: str, *, request_id: str, is_renewed: bool = False
) -> FullAuthentication:
    """Return the caller's auth with its secrets, renewed before if so wanted, and write that into the audit.

    Raises NotFound, Forbidden, SignInAgain, NotRenewed.
    """
    opened = await open_own(hub, caller, auth_id)
    if is_renewed and isinstance(opened.sign_in, TokenHolder):
        opened = await _renew_now(hub, opened)
    async with hub.database.transaction(caller.organization_id) as tx:
        await audit.record(
            tx,
            caller.organization_id,
            Action.AUTH_SHOWN,
            auth_id,
            hub.clock(),
            caller=caller,
            request_id=request_id,
        )
    return FullAuthentication(**_seen(opened.sealed), user_data=opened.own_user_data, credentials=opened.credentials)


async def delete_auth(hub: Hub, caller: Caller, auth_id: str) -> None:
    """Forget the caller's auth; calls with it stop working at once. Raises NotFound, Forbidden."""
    caller.require(Right.STORE_AUTHS)
    auth = await _find_own(hub, caller, auth_id)
    async with hub.database.transaction(caller.organization_id) as tx:
        await store.delete_auth(tx, auth.organization_id, auth.auth_id)
        tx.changed(auth.organization_id, Kind.AUTH, auth.auth_id)


async def list_auths(hub: Hub, caller: Caller, stretch: Stretch) -> ListedAuths:
    """Return part of the caller's auths, each with the service it is for."""
    organization_id = caller.organization_id
    async with hub.database.reading(caller.organization_id) as tx:
        cut = await store.list_auths(tx, organization_id, _owner_id(caller), stretch)
        # Many auths are for the same few environments.
        known = {
            environment_id: await find_environment(tx, organization_id, environment_id)
            for environment_id in {row["service_environment_id"] for row in cut.rows}
        }
        kinds = {
            service_id: await find_service(tx, organization_id, service_id)
            for service_id in {environment.service_id for environment in known.values()}
        }
    elements = [
        ListedAuth(
            auth_id=row["id"],
            name=row["name"],
            state=AuthState(row["state"]),
            service=kinds[known[row["service_environment_id"]].service_id],
            environment_id=row["service_environment_id"],
            environment_title=known[row["service_environment_id"]].title,
        )
        for row in cut.rows
    ]
    return ListedAuths(elements, cut.has_previous, cut.has_next)


async def open_own(hub: Hub, caller: Caller, auth_id: str) -> OpenedAuth:
    """Return the caller's auth with its secrets, to be changed by its owner. Raises NotFound, Forbidden."""
    auth = await _find_own(hub, caller, auth_id)
    async with hub.database.reading(caller.organization_id) as tx:
        service = await find_service(tx, auth.organization_id, auth.service_id)
    return open_auth(hub.vault, auth, service)


async def is_active(hub: Hub, caller: Caller, auth_id: str) -> bool:
    """Whether the caller's auth can be used, as far as anybody knows: its provider has not ended it."""
    await _find_own(hub, caller, auth_id)
    async with hub.database.reading(caller.organization_id) as tx:
        progress = await store.find_progress(tx, caller.organization_id, auth_id)
    return progress is not None and progress.state is AuthState.ACTIVE


async def find_for_call(hub: Hub, caller: Caller, auth_id: str, service: Service) -> SealedAuth:
    """Return the caller's auth for this service. Raises NotFound, or Forbidden: not theirs, or for another service."""
    auth = await _find_own(hub, caller, auth_id)
    if auth.service_id != service.service_id:
        raise Forbidden(f"The authentication {auth_id} is not for the service {service.name} version {service.version}")
    return auth


async def open_for_call(hub: Hub, auth: SealedAuth, service: Service, deadline: float) -> OpenedAuth:
    """Return the auth with its secrets and an access token that is good, renewed if need be.

    Raises CannotBeOpened; as results of a call TokenRefused and its subclasses, NoAnswer, TimedOut at the deadline.
    """
    opened = open_auth(hub.vault, auth, service)
    if not is_stale(opened, hub.clock()):
        return opened
    try:
        return open_auth(hub.vault, await renew(hub, opened, deadline), service)
    except OperationError as problem:
        if not _is_good(opened, hub.clock()):
            raise
        # It is renewed a while before its end: until then a provider's troubles are not the caller's.
        log.warning("auth_used_unrenewed", auth=auth.auth_id, problem=problem.kind)
        return opened


async def renew_refused(hub: Hub, auth: OpenedAuth, service: Service, deadline: float) -> OpenedAuth:
    """Return the auth renewed, after the third party has refused its token; or as it is, when that would not help."""
    refreshed_at = auth.sealed.refreshed_at
    if not is_renewable(auth) or (refreshed_at is not None and hub.clock() - refreshed_at < FRESH_SECONDS):
        return auth
    try:
        return open_auth(hub.vault, await renew(hub, auth, deadline), service)
    except (OperationError, NotFound):
        return auth


def is_stale(auth: OpenedAuth, now: float) -> bool:
    """Whether the auth's access token is missing, over, or about to be."""
    return isinstance(auth.sign_in, TokenHolder) and needs_refresh(auth.sign_in, auth.credentials, now)


def _is_good(auth: OpenedAuth, now: float) -> bool:
    ends_at = expiry_of(auth.credentials)
    return bool(auth.credentials.get("accessToken")) and (ends_at is None or now < ends_at)


async def _renew_now(hub: Hub, auth: OpenedAuth) -> OpenedAuth:
    try:
        renewed = await renew(hub, auth, time.monotonic() + PROVIDER_SECONDS)
    except InvalidGrant as problem:
        raise SignInAgain(problem.message) from None
    except OperationError as problem:
        raise NotRenewed(problem) from None
    async with hub.database.reading(renewed.organization_id) as tx:
        service = await find_service(tx, renewed.organization_id, renewed.service_id)
    return open_auth(hub.vault, renewed, service)


async def _find_own(hub: Hub, caller: Caller, auth_id: str) -> SealedAuth:
    key = (caller.organization_id, auth_id)
    auth = hub.known_auths.find(key) or await hub.known_auths.look(key, partial(_read_auth, hub, key))
    if auth.owner_id != _owner_id(caller):
        raise Forbidden
    return auth


async def _read_auth(hub: Hub, key: tuple[str, str]) -> SealedAuth:
    organization_id, auth_id = key
    epoch = hub.known_auths.epoch(organization_id)
    async with hub.database.reading(organization_id) as tx:
        auth = await find_sealed(tx, organization_id, auth_id)
    if auth is None:
        raise NotFound(f"The authentication {auth_id:.50} was not found")
    hub.known_auths.remember(key, auth, epoch, size=auth.size)
    return auth


def _owner_id(caller: Caller) -> str | None:
    return caller.user_id if caller.kind is CallerKind.END_USER else None


def _seen(auth: SealedAuth) -> dict[str, Any]:
    return {
        "id": auth.auth_id,
        "name": auth.name,
        "service_environment_id": auth.environment.environment_id,
        "scopes": list(auth.scopes),
    }


def _check_reachable(agent_group_id: UUID | None) -> None:
    """Raise NotFound for agents inside of somebody's network: without them the credentials would go another way."""
    if agent_group_id is not None:
        raise NotFound(f"The on-prem agent group {agent_group_id} was not found; leave out onPremAgentGroupId")


def _check_scopes(scopes: list[str] | None) -> None:
    if scopes and len(set(scopes)) != len(scopes):
        raise InvalidInput("Invalid value for: body (a scope is named twice at 'scopes')")


def _check(environment: ServiceEnvironment, user_data: JsonObject, credentials: JsonObject) -> None:
    _check_fits("userData", environment.user_data_schema, user_data)
    _check_fits("credentials", environment.credentials_schema, credentials)


def _check_fits(name: str, schema: JsonObject, value: JsonObject) -> None:
    problems = Schema(schema).problems(value)
    if problems:
        listed = ", ".join(f"{number} - {problem}" for number, problem in enumerate(problems, start=1))
        raise InvalidInput(f"Authentication {name} validation failed. Schema validation errors:\n[ {listed} ]")


async def _sealed(
    hub: Hub, tx: Transaction, organization_id: str, auth_id: str, *, user_data: JsonObject, credentials: JsonObject
) -> dict[str, Any]:
    """Return the columns of what was given: sealed, and with the moment the access token ends."""
    now = hub.clock()
    known = with_expiry(credentials, now)
    key = await newest_data_key(hub.vault, tx, organization_id, now)
    return {
        "key_id": key.key_id,
        "user_data": seal_json(hub.vault, key, auth_id, "user_data", user_data),
        "credentials": seal_json(hub.vault, key, auth_id, "credentials", known),
        "expires_at": expiry_of(known),
    }
