"""Signing in with e-mail and password, and what a session lets a browser do: what its member may do.

Another site cannot make a browser act in its session: what changes something must bring a token that only our own pages
can read.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import EVERY_ORGANIZATION
from jackfield_hub.errors import Conflict, Forbidden, Unauthorized
from jackfield_hub.hub import Hub
from jackfield_hub.identity.rights import rights_of
from jackfield_hub.identity.sessions import store
from jackfield_hub.identity.sessions.shapes import NewSession, NobodyHere, Session, SignIn, WrongPassword
from jackfield_hub.identity.shapes import Caller, CallerKind, Role
from jackfield_hub.identity.tokens import digest_of

SESSION_SECONDS = 12 * 3600.0
MAX_ORGANIZATIONS = 5  # looked through for one e-mail; each costs a password hash

# Looking at a password takes 64 MB and a good part of a processor. Two at a time leave something to the calls.
_checks = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")


async def sign_in(hub: Hub, wanted: SignIn, address: str) -> NewSession:
    """Begin a session for a member. `address` is where the request came from.

    Raises WrongPassword, RateLimited after many attempts, and Conflict when the e-mail and the password are right in
    more than one organization and none was named.
    """
    hub.sign_ins.take(wanted.email, address)
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        members = await store.list_members_by_email(tx, wanted.email, wanted.organization_id, MAX_ORGANIZATIONS)
    fitting = await asyncio.wrap_future(_checks.submit(_fitting, members, wanted.password))
    if not fitting:
        raise WrongPassword
    return await _begin(hub, _the_only(fitting))


async def sign_in_as(hub: Hub, email: str) -> NewSession:
    """Begin a session for the member with this e-mail, who has proved to be them. Raises NobodyHere, Conflict."""
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        members = await store.list_members_by_email(tx, email, None, MAX_ORGANIZATIONS)
    if not members:
        raise NobodyHere(f"Nobody here has the e-mail {email:.254}; an administrator can invite you")
    return await _begin(hub, _the_only(members))


def _the_only(members: Sequence[Mapping[Any, Any]]) -> Mapping[Any, Any]:
    if len(members) > 1:
        ids = ", ".join(member["organization_id"] for member in members)
        raise Conflict(f"You are in several organizations: say at organizationId which one you mean ({ids})")
    return members[0]


async def identify(hub: Hub, text: str) -> Caller:
    """Return whose session this is. Raises Unauthorized."""
    digest = digest_of(text)
    return hub.known_tokens.find(digest) or await hub.known_tokens.look(digest, partial(_look_up, hub, digest))


async def read_session(hub: Hub, text: str) -> Session:
    """Return what the pages of a session need to know. Raises Unauthorized."""
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        row = await store.find_session(tx, digest_of(text).hex(), hub.clock())
    if row is None:
        raise Unauthorized
    return Session(csrf_token=csrf_token(text), expires_at=datetime.fromtimestamp(row["expires_at"], UTC))


async def sign_out(hub: Hub, text: str) -> None:
    """End a session, at once."""
    digest = digest_of(text)
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        organization_id = await store.delete_session(tx, digest.hex())
        if organization_id is not None:
            tx.changed(organization_id, Kind.TOKEN, digest.hex())


def csrf_token(text: str) -> str:
    """Return what requests in this session must bring along to change something."""
    return base64.urlsafe_b64encode(hmac.digest(text.encode(), b"csrf", "sha256")).decode().rstrip("=")


def check_is_ours(text: str, sent: str | None) -> None:
    """Raise Forbidden unless a request that changes something comes from a page of ours."""
    if sent is None or not hmac.compare_digest(csrf_token(text).encode(), sent.encode("utf-8", "replace")):
        raise Forbidden("This request does not come from a page of this hub; load the page again")


async def _begin(hub: Hub, member: Mapping[Any, Any]) -> NewSession:
    now, organization_id = hub.clock(), member["organization_id"]
    new = NewSession(secrets.token_urlsafe(32), organization_id, now + SESSION_SECONDS)
    async with hub.database.transaction(organization_id) as tx:
        await store.forget_old(tx, organization_id, now)
        await store.insert_session(
            tx,
            hash=digest_of(new.text).hex(),
            organization_id=organization_id,
            user_id=member["id"],
            created_at=now,
            expires_at=new.expires_at,
        )
    return new


async def _look_up(hub: Hub, digest: bytes) -> Caller:
    revision, now = hub.known_tokens.revision, hub.clock()
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        row = await store.find_session(tx, digest.hex(), now)
    if row is None:
        raise Unauthorized
    rights = rights_of(CallerKind.API, Role(row["role"]))
    caller = Caller(row["organization_id"], CallerKind.API, row["user_id"], digest.hex(), rights)
    hub.known_tokens.remember(digest, caller, row["expires_at"] - now, revision)
    return caller


async def is_password(password_hash: str, password: str) -> bool:
    """Whether this is the password of this hash."""
    return await asyncio.wrap_future(_checks.submit(_is_right, password_hash, password))


def _fitting(members: Sequence[Mapping[Any, Any]], password: str) -> list[Mapping[Any, Any]]:
    """Return the members whose password this is. It takes as long when there is nobody at all."""
    hashes = [member["password_hash"] or _nobodys_hash() for member in members] or [_nobodys_hash()]
    rights = [_is_right(password_hash, password) for password_hash in hashes]
    return [member for member, is_right in zip(members, rights, strict=False) if is_right]


def _is_right(password_hash: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return PasswordHasher().hash(secrets.token_urlsafe())
