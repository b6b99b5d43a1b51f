"""The people of an organization: listed, added, invited, given another role, removed."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from argon2 import PasswordHasher

from jackfield_hub.audit import service as audit
from jackfield_hub.audit.service import Action
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import EVERY_ORGANIZATION, Transaction
from jackfield_hub.errors import Conflict, NotFound, RateLimited, Unauthorized
from jackfield_hub.hub import Hub
from jackfield_hub.identity import roles, service, store
from jackfield_hub.identity.shapes import (
    Acceptance,
    AccountType,
    Caller,
    Invite,
    InviteLink,
    NewInvite,
    NewUser,
    Right,
    Role,
    UserElement,
    UserKind,
    Users,
)
from jackfield_hub.identity.tokens import digest_of
from jackfield_hub.identity.workspaces.shapes import WorkspaceType
from jackfield_hub.paging import AskedPage, page_info

DAY_SECONDS = 24 * 3600.0
INVITES_A_DAY = 100
INVITE_SECONDS = 7 * DAY_SECONDS


async def list_users(hub: Hub, caller: Caller, email: str | None, asked: AskedPage) -> Users:
    """Return one page of the organization's people and programs. Raises Forbidden for end users."""
    caller.require(Right.SEE_PEOPLE)
    async with hub.database.reading(caller.organization_id) as tx:
        cut = await store.list_accounts(tx, caller.organization_id, email, asked)
    return Users(elements=[element(row) for row in cut.rows], page_info=page_info(cut))


async def read_user(hub: Hub, caller: Caller, user_id: str) -> UserElement:
    """Return a person or program of the organization. Raises Forbidden, NotFound."""
    caller.require(Right.SEE_PEOPLE)
    async with hub.database.reading(caller.organization_id) as tx:
        return element(await find_account(tx, caller.organization_id, user_id))


async def create_user(hub: Hub, caller: Caller, wanted: NewUser) -> UserElement:
    """Add a person, who has no password until they accept an invitation. Raises Forbidden, InvalidInput, Conflict."""
    caller.require(Right.MANAGE_PEOPLE)
    role = roles.organization_role(wanted.organization_role_id)
    async with hub.database.transaction(caller.organization_id) as tx:
        newcomer = _Newcomer(wanted.name, wanted.email, role)
        user_id = await _add_member(hub, tx, caller.organization_id, newcomer)
        await _say(hub, tx, caller, Action.USER_ADDED, user_id)
        return element(await find_account(tx, caller.organization_id, user_id))


async def change_role(hub: Hub, caller: Caller, user_id: str, role_id: str) -> None:
    """Give somebody another role, at once. Raises Forbidden, NotFound, InvalidInput, Conflict for the owner."""
    caller.require(Right.MANAGE_PEOPLE)
    role = roles.organization_role(role_id)
    async with hub.database.transaction(caller.organization_id) as tx:
        await _find_replaceable(tx, caller, user_id)
        await store.set_role(tx, caller.organization_id, user_id, role)
        await _say(hub, tx, caller, Action.ROLE_CHANGED, user_id)
        tx.changed(caller.organization_id, Kind.USER, user_id)


async def remove_user(hub: Hub, caller: Caller, user_id: str) -> None:
    """Remove a person or program; their tokens stop working at once. Raises Forbidden, NotFound, Conflict."""
    caller.require(Right.MANAGE_PEOPLE)
    async with hub.database.transaction(caller.organization_id) as tx:
        await _find_replaceable(tx, caller, user_id)
        await service.remove(hub, tx, caller.organization_id, user_id)
        await _say(hub, tx, caller, Action.USER_REMOVED, user_id)


async def invite(hub: Hub, caller: Caller, wanted: NewInvite) -> Invite:
    """Invite somebody by e-mail address. Raises Forbidden, InvalidInput, Conflict, RateLimited after 100 a day."""
    caller.require(Right.MANAGE_PEOPLE)
    role, now, invite_id = roles.organization_role(wanted.organization_role_id), hub.clock(), str(uuid.uuid4())
    organization_id = caller.organization_id
    async with hub.database.transaction(caller.organization_id) as tx:
        if await store.count_invites_since(tx, organization_id, now - DAY_SECONDS) >= INVITES_A_DAY:
            raise RateLimited(f"An organization can send {INVITES_A_DAY} invitations a day; go on tomorrow")
        if await _is_known(tx, organization_id, wanted.email):
            raise Conflict("There is a user with this e-mail already")
        await store.insert_invite(
            tx,
            id=invite_id,
            organization_id=organization_id,
            email=wanted.email,
            role=role,
            created_at=now,
            expires_at=now + INVITE_SECONDS,
        )
    return Invite(invite_id=invite_id, expires=datetime.fromtimestamp(now + INVITE_SECONDS, UTC))


async def make_invite_link(hub: Hub, caller: Caller, invite_id: str) -> InviteLink:
    """Return what the invited person comes in with; an earlier one ends. Raises Forbidden, NotFound.

    The hub sends no e-mail: whoever invites hands this over.
    """
    caller.require(Right.MANAGE_PEOPLE)
    token = secrets.token_urlsafe(32)
    async with hub.database.transaction(caller.organization_id) as tx:
        found = await store.set_invite_link(tx, caller.organization_id, invite_id, digest_of(token).hex(), hub.clock())
    if found is None:
        raise NotFound("There is no open invitation with this id")
    return InviteLink(token=token, expires=datetime.fromtimestamp(found["expires_at"], UTC))


async def accept_invite(hub: Hub, accepted: Acceptance) -> UserElement:
    """Let an invited person in. Raises Unauthorized for a link that is unknown, used or too old; Conflict."""
    password_hash = await asyncio.to_thread(PasswordHasher().hash, accepted.password)
    now = hub.clock()
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        found = await store.find_open_invite(tx, digest_of(accepted.token).hex(), now)
        if found is None or not await store.accept_invite(tx, found["id"], now):
            raise Unauthorized
        newcomer = _Newcomer(accepted.name, found["email"], Role(found["role"]), password_hash)
        user_id = await _add_member(hub, tx, found["organization_id"], newcomer)
        return element(await find_account(tx, found["organization_id"], user_id))


async def find_account(tx: Transaction, organization_id: str, user_id: str) -> Mapping[Any, Any]:
    """Return a person or program of the organization as it is stored. Raises NotFound."""
    user = await store.find_user(tx, organization_id, user_id)
    if user is None or user["kind"] == UserKind.END_USER:
        raise NotFound("There is no user with this id")
    return user


async def find_ids_by_email(tx: Transaction, organization_id: str, emails: list[str]) -> dict[str, str]:
    """Return `{e-mail: user id}` of those in the organization who have exactly these e-mails."""
    return {row["email"]: row["id"] for row in await store.list_users_by_email(tx, organization_id, emails)}


async def _say(hub: Hub, tx: Transaction, caller: Caller, action: Action, user_id: str) -> None:
    await audit.record(tx, caller.organization_id, action, user_id, hub.clock(), caller=caller)


async def _find_replaceable(tx: Transaction, caller: Caller, user_id: str) -> None:
    user = await find_account(tx, caller.organization_id, user_id)
    if user["role"] == Role.OWNER:
        raise Conflict("This is the owner of the organization, who stays and stays its owner")


async def _is_known(tx: Transaction, organization_id: str, email: str) -> bool:
    return bool(await store.list_users_by_email(tx, organization_id, [email]))


@dataclass(frozen=True)
class _Newcomer:
    name: str
    email: str
    role: Role
    password_hash: str | None = field(default=None, repr=False)


async def _add_member(hub: Hub, tx: Transaction, organization_id: str, newcomer: _Newcomer) -> str:
    user_id, now = str(uuid.uuid4()), hub.clock()
    is_new = await store.insert_user(
        tx,
        id=user_id,
        organization_id=organization_id,
        kind=UserKind.MEMBER,
        created_at=now,
        **asdict(newcomer),
    )
    if not is_new:
        raise Conflict("There is a user with this e-mail already")
    await service.store_workspace(
        tx, organization_id, name=newcomer.name, kind=WorkspaceType.PERSONAL, now=now, of=user_id
    )
    return user_id


def element(user: Mapping[Any, Any]) -> UserElement:
    """Return what clients see of a person or program."""
    return UserElement(
        id=user["id"],
        email=user["email"],
        name=user["name"],
        account_type=AccountType.API if user["kind"] == UserKind.API else AccountType.USER,
        role=roles.organization_role_element(Role(user["role"])),
    )
