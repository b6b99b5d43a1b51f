"""Who may act here: organizations, their users, and tokens made, recognised and revoked."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from argon2 import PasswordHasher

from jackfield_hub.auths.sealing import newest_data_key
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import EVERY_ORGANIZATION, Transaction
from jackfield_hub.errors import Conflict, InvalidInput, Unauthorized, UnknownUser, UserExists
from jackfield_hub.hub import Hub
from jackfield_hub.identity import store
from jackfield_hub.identity.rights import rights_of
from jackfield_hub.identity.shapes import Caller, CallerKind, Me, Right, Role, UserKind
from jackfield_hub.identity.tokens import NewToken, digest_of, is_well_formed, make_token
from jackfield_hub.identity.workspaces import store as workspaces
from jackfield_hub.identity.workspaces.shapes import WorkspaceType

USER_TOKEN_SECONDS = 2 * 24 * 3600.0
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True)
class NewOwner:
    """The member who will own an organization. The password is kept only as a hash."""

    name: str
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class NewOrganization:
    """An organization just made, with the tokens nobody can read again."""

    id: str
    owner_id: str
    master_token: NewToken
    api_token: NewToken


async def identify(hub: Hub, authorization: str | None) -> Caller:
    """Return who sent this `Authorization` header. Raises Unauthorized, which never says why."""
    scheme, _, text = (authorization or "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise Unauthorized
    digest = digest_of(text)
    return hub.known_tokens.find(digest) or await hub.known_tokens.look(digest, partial(_look_up, hub, text, digest))


async def _look_up(hub: Hub, text: str, digest: bytes) -> Caller:
    if not is_well_formed(text):
        raise Unauthorized
    now = hub.clock()
    revision = hub.known_tokens.revision
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        row = await store.find_live_token(tx, digest.hex(), now)
        if row is None:
            raise Unauthorized
        caller = await _caller(tx, row, digest)
    seconds_to_live = None if row["expires_at"] is None else row["expires_at"] - now
    hub.known_tokens.remember(digest, caller, seconds_to_live, revision)
    return caller


async def _caller(tx: Transaction, token: Mapping[Any, Any], digest: bytes) -> Caller:
    organization_id, user_id, kind = token["organization_id"], token["user_id"], CallerKind(token["kind"])
    role = None if token["role"] is None else Role(token["role"])
    at_work = await store.list_workspace_roles(tx, organization_id, user_id) if kind is CallerKind.API else []
    return Caller(organization_id, kind, user_id, digest.hex(), rights_of(kind, role, at_work))


async def create_organization(
    hub: Hub,
    name: str,
    owner: NewOwner,
    keep: Callable[[NewOrganization], None] = lambda new: None,
    *,
    is_first: bool = False,
) -> NewOrganization:
    """Make an organization with an owner, a master token and an API token.

    `keep` is called before the organization exists for others; when it fails, so does everything. Raises Conflict for
    a second organization where connectors are not confined, and when it shall be the first one and is not.
    """
    if not hub.confinement.holds and await count_organizations(hub):
        raise Conflict("connectors are not confined on this host, so it serves one organization only")
    password_hash = await asyncio.to_thread(PasswordHasher().hash, owner.password)
    new = NewOrganization(_new_id(), _new_id(), make_token(CallerKind.MASTER), make_token(CallerKind.API))
    now = hub.clock()
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        if is_first:
            await tx.take_turn("the first organization")
            if await store.has_organizations(tx):
                raise Conflict("There is an organization already")
        await store.insert_organization(tx, id=new.id, name=name, created_at=now)
        await newest_data_key(hub.vault, tx, new.id, now)  # by it a hub knows whether its master key is the right one
        await store.insert_user(
            tx,
            id=new.owner_id,
            organization_id=new.id,
            kind=UserKind.MEMBER,
            role=Role.OWNER,
            name=owner.name,
            email=owner.email,
            password_hash=password_hash,
            created_at=now,
        )
        for kind in (WorkspaceType.ORGANIZATION, WorkspaceType.EMBEDDED):
            await store_workspace(tx, new.id, name=name, kind=kind, now=now)
        await store_token(tx, new.master_token, organization_id=new.id, user_id=None, name="Master token", now=now)
        await _store_api_user(
            tx, new.api_token, organization_id=new.id, name="API token", role=Role.CONTRIBUTOR, now=now
        )
        await asyncio.to_thread(keep, new)
    return new


async def create_api_token(
    hub: Hub, organization_id: str, name: str, role: Role = Role.CONTRIBUTOR, expires_at: float | None = None
) -> NewToken:
    """Make a program user with this name and role, and a token it acts with (until `expires_at`, if that is said)."""
    token = make_token(CallerKind.API, expires_at)
    async with hub.database.transaction(organization_id) as tx:
        await _store_api_user(tx, token, organization_id=organization_id, name=name, role=role, now=hub.clock())
    return token


async def create_end_user(hub: Hub, caller: Caller, name: str, external_id: str, *, is_test: bool = False) -> str:
    """Make an end user and return its id. Raises Forbidden without the master token, Conflict for a known id."""
    caller.require(Right.MANAGE_END_USERS)
    if not (_LINE.fullmatch(name) and _LINE.fullmatch(external_id)):
        raise InvalidInput("An end user needs a name and an external id, of at most 200 characters in one line each")
    user_id = _new_id()
    async with hub.database.transaction(caller.organization_id) as tx:
        is_new = await store.insert_user(
            tx,
            id=user_id,
            organization_id=caller.organization_id,
            kind=UserKind.END_USER,
            name=name,
            external_id=external_id,
            is_test=is_test,
            created_at=hub.clock(),
        )
        if not is_new:
            raise UserExists
        await store_workspace(
            tx, caller.organization_id, name=name, kind=WorkspaceType.PERSONAL_EXTERNAL, now=hub.clock(), of=user_id
        )
    return user_id


async def remove(hub: Hub, tx: Transaction, organization_id: str, user_id: str) -> None:
    """Let somebody in no more, whoever they are. What they made stays; who they were is forgotten."""
    await store.remove_user(tx, organization_id, user_id, hub.clock())
    tx.changed(organization_id, Kind.USER, user_id)


async def find_end_user(tx: Transaction, caller: Caller, user_id: str) -> Mapping[Any, Any]:
    """Return an end user of the caller's organization as they are stored. Raises NotFound."""
    user = await store.find_user(tx, caller.organization_id, user_id)
    if user is None or user["kind"] != UserKind.END_USER:
        raise UnknownUser
    return user


async def create_user_token(hub: Hub, caller: Caller, user_id: str) -> NewToken:
    """Make a token an end user acts with for two days. Raises Forbidden without the master token, NotFound."""
    caller.require(Right.MANAGE_END_USERS)
    now = hub.clock()
    token = make_token(CallerKind.END_USER, now + USER_TOKEN_SECONDS)
    async with hub.database.transaction(caller.organization_id) as tx:
        await find_end_user(tx, caller, user_id)
        await store_token(
            tx, token, organization_id=caller.organization_id, user_id=user_id, name="User token", now=now
        )
    return token


async def who_is(hub: Hub, caller: Caller) -> Me:
    """Return the user behind a token; for the master token that is the organization's owner."""
    async with hub.database.reading(caller.organization_id) as tx:
        if caller.user_id is None:
            user = await store.find_owner(tx, caller.organization_id)
        else:
            user = await store.find_user(tx, caller.organization_id, caller.user_id)
    if user is None:
        raise Unauthorized
    return Me(
        id=user["id"],
        username=user["id"],
        name=user["name"],
        email=user["email"],
        organization_id=caller.organization_id,
        kind=caller.kind,
    )


async def count_organizations(hub: Hub) -> int:
    """Return how many organizations this hub serves."""
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        return await store.count_organizations(tx)


async def is_empty(hub: Hub) -> bool:
    """Tell whether this hub has no organization yet."""
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        return not await store.has_organizations(tx)


async def _store_api_user(
    tx: Transaction, token: NewToken, *, organization_id: str, name: str, role: Role, now: float
) -> None:
    user_id = _new_id()
    await store.insert_user(
        tx, id=user_id, organization_id=organization_id, kind=UserKind.API, role=role, name=name, created_at=now
    )
    await store_token(tx, token, organization_id=organization_id, user_id=user_id, name=name, now=now)


async def store_token(
    tx: Transaction, token: NewToken, *, organization_id: str, user_id: str | None, name: str, now: float
) -> str:
    """Let a token in from now on, and return its id. Those whose time is over are forgotten on this occasion."""
    token_id = _new_id()
    await store.forget_expired_tokens(tx, organization_id, now)
    await store.insert_token(
        tx,
        hash=token.hash,
        id=token_id,
        organization_id=organization_id,
        user_id=user_id,
        kind=token.kind,
        name=name,
        prefix=token.prefix,
        created_at=now,
        expires_at=token.expires_at,
    )
    return token_id


async def store_workspace(
    tx: Transaction,
    organization_id: str,
    *,
    name: str,
    kind: WorkspaceType,
    now: float,
    of: str | None = None,
    **more: Any,
) -> str:
    """Make a workspace and return its id. `of` is the user it is made for, who becomes its Admin."""
    workspace_id = _new_id()
    await workspaces.insert_workspace(
        tx, id=workspace_id, organization_id=organization_id, name=name, type=kind, created_at=now, **more
    )
    if of is not None:
        await workspaces.insert_member(
            tx,
            organization_id=organization_id,
            workspace_id=workspace_id,
            user_id=of,
            role=Role.ADMIN,
            created_at=now,
        )
    return workspace_id


def _new_id() -> str:
    return str(uuid.uuid4())
