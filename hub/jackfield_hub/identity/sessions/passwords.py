"""Changing one's own password."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher

from jackfield_hub.audit import service as audit
from jackfield_hub.audit.service import Action
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.errors import Forbidden
from jackfield_hub.hub import Hub
from jackfield_hub.identity.sessions import store
from jackfield_hub.identity.sessions.service import is_password
from jackfield_hub.identity.sessions.shapes import ChangedPassword, NotYourPassword
from jackfield_hub.identity.shapes import Caller
from jackfield_hub.identity.tokens import digest_of


async def change_password(
    hub: Hub, caller: Caller, wanted: ChangedPassword, *, address: str, session: str | None
) -> None:
    """Give the caller another password. Their sessions end, but for the one that asks; their tokens stay.

    Raises NotYourPassword, RateLimited after many attempts, Forbidden for who has no password.
    """
    async with hub.database.reading(caller.organization_id) as tx:
        member = await store.find_member(tx, caller.organization_id, caller.user_id)
    if member is None or member["password_hash"] is None:
        raise Forbidden("You sign in without a password here, so there is none to change")
    hub.sign_ins.take(member["email"], address)
    if not await is_password(member["password_hash"], wanted.old_password):
        raise NotYourPassword
    password_hash = await asyncio.to_thread(PasswordHasher().hash, wanted.new_password)
    kept = digest_of(session).hex() if session else ""
    async with hub.database.transaction(caller.organization_id) as tx:
        await store.update_password(tx, member["id"], password_hash)
        await store.delete_other_sessions(tx, member["id"], kept)
        await audit.record(
            tx, caller.organization_id, Action.PASSWORD_CHANGED, member["id"], hub.clock(), caller=caller
        )
        tx.changed(caller.organization_id, Kind.USER, member["id"])
