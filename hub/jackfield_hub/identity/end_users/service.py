"""End users: found, changed, removed with all they had, and let into the sign-in dialog by a code that works once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from jackfield_hub.auths import owned as auths
from jackfield_hub.database import EVERY_ORGANIZATION
from jackfield_hub.errors import Unauthorized
from jackfield_hub.hub import Hub
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.end_users import store
from jackfield_hub.identity.end_users.shapes import Criteria, EndUser, EndUsers, NewCode
from jackfield_hub.identity.shapes import Caller, CallerKind, Right, UserKind
from jackfield_hub.identity.tokens import digest_of
from jackfield_hub.paging import Stretch
from jackfield_hub.storage import service as storage

CODE_SECONDS = 5 * 60.0
_CODE_BYTES = 32


async def list_end_users(hub: Hub, caller: Caller, criteria: Criteria, stretch: Stretch) -> EndUsers:
    """Return part of the end users who fit. Raises Forbidden without the master token."""
    caller.require(Right.MANAGE_END_USERS)
    async with hub.database.reading(caller.organization_id) as tx:
        cut = await store.list_end_users(tx, caller.organization_id, criteria, stretch)
    return EndUsers([_to_end_user(row) for row in cut.rows], cut.has_previous, cut.has_next)


async def change_end_user(hub: Hub, caller: Caller, user_id: str, is_test: bool | None) -> EndUser:
    """Say whether an end user is only for testing (None: leave it). Raises Forbidden, UnknownUser."""
    caller.require(Right.MANAGE_END_USERS)
    async with hub.database.transaction(caller.organization_id) as tx:
        await identity.find_end_user(tx, caller, user_id)
        if is_test is not None:
            await store.set_is_test(tx, caller.organization_id, user_id, is_test)
        return _to_end_user(await identity.find_end_user(tx, caller, user_id))


async def remove_end_user(hub: Hub, caller: Caller, user_id: str) -> None:
    """Forget an end user, their auths and what connectors keep for them; their tokens and codes stop working at once.

    Raises Forbidden without the master token, UnknownUser.
    """
    caller.require(Right.MANAGE_END_USERS)
    async with hub.database.transaction(caller.organization_id) as tx:
        await identity.find_end_user(tx, caller, user_id)
        await store.forget_codes_of(tx, caller.organization_id, user_id)
        await auths.delete_auths_of(hub, tx, caller.organization_id, user_id)
        await storage.forget_user(tx, caller.organization_id, user_id)
        await identity.remove(hub, tx, caller.organization_id, user_id)


async def create_code(hub: Hub, caller: Caller, user_id: str) -> NewCode:
    """Make a code that lets an end user into the sign-in dialog once, within five minutes.

    The organization's owner, whose id the master token is told by `GET /v1/me`, may have one too: for the
    organization's own auths. Raises Forbidden without the master token, UnknownUser.
    """
    caller.require(Right.MANAGE_END_USERS)
    me, now = await identity.who_is(hub, caller), hub.clock()
    code = NewCode(secrets.token_urlsafe(_CODE_BYTES), now + CODE_SECONDS)
    async with hub.database.transaction(caller.organization_id) as tx:
        if user_id != me.id:
            await identity.find_end_user(tx, caller, user_id)
        await store.forget_old_codes(tx, caller.organization_id, now)
        await store.insert_code(
            tx,
            hash=digest_of(code.text).hex(),
            organization_id=caller.organization_id,
            user_id=user_id,
            created_at=now,
            expires_at=code.expires_at,
        )
    return code


async def redeem_code(hub: Hub, text: str) -> Caller:
    """Use a code up and return whom it lets in, to store auths and nothing else. Raises Unauthorized.

    The owner of an organization acts for the organization itself.
    """
    digest = digest_of(text)
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        row = await store.use_code(tx, digest.hex(), hub.clock())
    if row is None:
        raise Unauthorized
    is_end_user = row["kind"] == UserKind.END_USER
    return Caller(
        organization_id=row["organization_id"],
        kind=CallerKind.END_USER if is_end_user else CallerKind.MASTER,
        user_id=row["user_id"] if is_end_user else None,
        token_hash=digest.hex(),
        rights=frozenset({Right.STORE_AUTHS}),
    )


def _to_end_user(row: Mapping[Any, Any]) -> EndUser:
    return EndUser(user_id=row["id"], name=row["name"], external_id=row["external_id"], is_test=row["is_test"])
