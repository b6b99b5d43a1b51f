"""Programs that act for an organization, and the tokens that they and the organization's people act with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jackfield_hub.audit import service as audit
from jackfield_hub.audit.service import Action
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import Transaction
from jackfield_hub.errors import Conflict, Forbidden, InvalidInput, NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity import members, roles, service, store
from jackfield_hub.identity.shapes import (
    Caller,
    CallerKind,
    MadeToken,
    NewApiUser,
    Right,
    Role,
    TokenElement,
    TokenPurpose,
    Tokens,
    UserElement,
    UserKind,
    WantedToken,
)
from jackfield_hub.identity.tokens import make_token
from jackfield_hub.identity.workspaces import service as workspaces

DAY_SECONDS = 24 * 3600.0


async def create_api_user(hub: Hub, caller: Caller, wanted: NewApiUser) -> UserElement:
    """Make a program, in a workspace if one is named. Raises Forbidden, InvalidInput, NotFound, Conflict."""
    caller.require(Right.MANAGE_PEOPLE)
    role = roles.organization_role(wanted.organization_role_id) if wanted.organization_role_id else Role.VIEWER
    at_work = roles.workspace_role(wanted.workspace_role_id) if wanted.workspace_role_id else Role.CONTRIBUTOR
    organization_id, user_id = caller.organization_id, str(uuid.uuid4())
    async with hub.database.transaction(caller.organization_id) as tx:
        is_new = await store.insert_user(
            tx,
            id=user_id,
            organization_id=organization_id,
            kind=UserKind.API,
            role=role,
            name=wanted.name,
            email=wanted.email,
            created_at=hub.clock(),
        )
        if not is_new:
            raise Conflict("There is a user with this e-mail already")
        await audit.record(tx, organization_id, Action.USER_ADDED, user_id, hub.clock(), caller=caller)
        if wanted.workspace_id:
            await workspaces.take_in(hub, tx, caller, wanted.workspace_id, user_id=user_id, role=at_work)
        return members.element(await members.find_account(tx, organization_id, user_id))


async def create_token(hub: Hub, caller: Caller, wanted: WantedToken) -> MadeToken:
    """Make a token for a program, for oneself, or for the organization. Raises Forbidden, InvalidInput, NotFound.

    Nobody gets a token to act as another person.
    """
    is_master = wanted.kind is TokenPurpose.MASTER
    now = hub.clock()
    async with hub.database.transaction(caller.organization_id) as tx:
        if is_master:
            caller.require(Right.SPEAK_FOR_ALL)
            user_id = None
        else:
            user_id = await _acting_as(tx, caller, wanted.user_id)
        kind = CallerKind.MASTER if is_master else CallerKind.API
        token = make_token(kind, now + wanted.expires_in_days * DAY_SECONDS)
        token_id = await service.store_token(
            tx, token, organization_id=caller.organization_id, user_id=user_id, name=wanted.name, now=now
        )
        row = await store.find_token(tx, caller.organization_id, token_id, now)
        assert row is not None, "we have just put it there"
        await audit.record(tx, caller.organization_id, Action.TOKEN_CREATED, token_id, now, caller=caller)
        return MadeToken(**_element(row).model_dump(), token=token.text)


async def list_tokens(hub: Hub, caller: Caller) -> Tokens:
    """Return the live tokens the caller may revoke: their own, or with the right to manage people those of others."""
    async with hub.database.reading(caller.organization_id) as tx:
        rows = await store.list_tokens(tx, caller.organization_id, hub.clock())
    return Tokens(elements=[_element(row) for row in rows if _may_revoke(caller, row)])


async def revoke_token(hub: Hub, caller: Caller, token_id: str) -> None:
    """Make a token useless, at once. Raises NotFound for one that the caller may not revoke, too."""
    now = hub.clock()
    async with hub.database.transaction(caller.organization_id) as tx:
        row = await store.find_token(tx, caller.organization_id, token_id, now)
        if row is None or not _may_revoke(caller, row):
            raise NotFound("There is no live token with this id")
        await store.revoke_token(tx, caller.organization_id, row["hash"], now)
        await audit.record(tx, caller.organization_id, Action.TOKEN_REVOKED, token_id, now, caller=caller)
        tx.changed(caller.organization_id, Kind.TOKEN, row["hash"])


async def _acting_as(tx: Transaction, caller: Caller, user_id: str | None) -> str:
    """Return whom a new API token is for: a program, which takes an administrator, or the member who asks."""
    user_id = user_id or caller.user_id
    if user_id is None:
        raise InvalidInput("Say at userId which program the token is for; POST /v1/api-users makes one")
    user = await members.find_account(tx, caller.organization_id, user_id)
    if user["kind"] == UserKind.API:
        caller.require(Right.MANAGE_PEOPLE)
    elif user_id != caller.user_id:
        raise Forbidden("Nobody may make a token to act as another person")
    return user_id


def _may_revoke(caller: Caller, token: Mapping[Any, Any]) -> bool:
    is_own = token["user_id"] is not None and token["user_id"] == caller.user_id
    is_highest = token["kind"] == CallerKind.MASTER or token["role"] == Role.OWNER
    return is_own or caller.may(Right.SPEAK_FOR_ALL if is_highest else Right.MANAGE_PEOPLE)


def _element(token: Mapping[Any, Any]) -> TokenElement:
    expires_at = token["expires_at"]
    return TokenElement(
        id=token["id"],
        name=token["name"],
        kind=CallerKind(token["kind"]),
        prefix=token["prefix"],
        user_id=token["user_id"],
        created_at=datetime.fromtimestamp(token["created_at"], UTC),
        expires_at=None if expires_at is None else datetime.fromtimestamp(expires_at, UTC),
    )
