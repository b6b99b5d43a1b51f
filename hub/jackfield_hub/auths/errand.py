"""Carrying out a claim: ask the provider, and write down what came of it.

    claim ─ ask ─┬─ tokens ────────> stored, and only then used
                 ├─ trouble ───────> a rest, in which nobody asks again
                 ├─ refused ───────> a doubt, in which nobody asks again
                 └─ refused twice ─> needs_reauth, once

The claim is kept alive by a heartbeat for as long as the provider takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from jackfield.errors import OperationError, PlatformError
from jackfield.exchange import JsonObject
from jackfield.oauth.errors import InvalidGrant, NoRefreshToken
from jackfield_hub.audit import service as audit
from jackfield_hub.audit.service import Action
from jackfield_hub.auths import store
from jackfield_hub.auths.opening import CannotBeOpened, find_sealed, open_auth, open_user_data
from jackfield_hub.auths.provider import RunOperation, Tools, get_tokens
from jackfield_hub.auths.sealing import known_data_key, seal_json
from jackfield_hub.auths.shapes import Claim, OpenedAuth
from jackfield_hub.auths.vault import MasterKeyAway
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import DatabaseAway, Transaction
from jackfield_hub.logs import log
from jackfield_hub.services.finding import find_service

HEARTBEATS_A_LEASE = 3
REST_SECONDS = 5.0  # after a trouble
LONGEST_REST_SECONDS = 300.0


class ClaimLost(Exception):
    """Somebody else renews it by now: two requests with one refresh token would be the end of the sign-in."""


async def carry_out(tools: Tools, claim: Claim, run_operation: RunOperation | None = None) -> None:
    """Renew what was claimed. Whatever the provider does is written down and not raised."""
    async with beating(tools, claim):
        try:
            await _carry_out(tools, claim, run_operation)
        except ClaimLost:
            log.warning("claim_lost", auth=claim.auth_id, fence=claim.fence)


@asynccontextmanager
async def beating(tools: Tools, claim: Claim) -> AsyncGenerator[None]:
    """Keep a claim alive while the block runs."""
    heart = asyncio.create_task(_beat(tools, claim))
    try:
        yield
    finally:
        heart.cancel()


async def _carry_out(tools: Tools, claim: Claim, run_operation: RunOperation | None) -> None:
    try:
        auth = await _open(tools, claim)
        if auth is None:
            return  # it was removed, or changed by hand: nothing is left to renew
        credentials = await get_tokens(
            tools,
            auth,
            run_operation,
            hold=lambda: _hold(tools, claim),
            is_doubted=claim.refused_at is not None,
        )
    except OperationError as problem:
        await _write_down(tools, claim, problem)
    except (CannotBeOpened, MasterKeyAway) as refusal:
        await _write_down(tools, claim, PlatformError(refusal.message))
    else:
        await _store(tools, claim, credentials)


def say(problem: OperationError, now: float) -> JsonObject:
    """Return a problem as it is written down."""
    said: JsonObject = {"kind": problem.kind, "message": problem.message}
    asked = problem.retry_after_seconds
    return said if asked is None else {**said, "retryAt": now + asked}


async def _open(tools: Tools, claim: Claim) -> OpenedAuth | None:
    async with tools.database.reading(claim.organization_id) as tx:
        sealed = await find_sealed(tx, claim.organization_id, claim.auth_id)
        if sealed is None or sealed.version != claim.version:
            return None
        # What comes of it must be sealed, and a token that was spent cannot wait for the master key.
        await known_data_key(tools.vault, tx, claim.organization_id)
        service = await find_service(tx, claim.organization_id, sealed.service_id)
    return open_auth(tools.vault, sealed, service)


async def _hold(tools: Tools, claim: Claim) -> None:
    """Make sure that the claim is still ours. Raises ClaimLost."""
    async with tools.database.transaction(claim.organization_id) as tx:
        if not await store.prolong(tx, claim, await tx.now() + tools.settings.renewal_lease_seconds):
            raise ClaimLost


async def _beat(tools: Tools, claim: Claim) -> None:
    """Keep the claim. One that was lost meanwhile does not end the waiting: nobody else will ever see that answer."""
    while True:
        await asyncio.sleep(tools.settings.renewal_lease_seconds / HEARTBEATS_A_LEASE)
        with suppress(DatabaseAway, ClaimLost):
            await _hold(tools, claim)


async def _store(tools: Tools, claim: Claim, credentials: JsonObject) -> None:
    async with tools.database.transaction(claim.organization_id) as tx:
        is_stored = await _seal_and_store(tools, tx, claim, credentials)
    log.info("auth_renewed" if is_stored else "auth_renewed_too_late", auth=claim.auth_id, fence=claim.fence)


async def _seal_and_store(tools: Tools, tx: Transaction, claim: Claim, credentials: JsonObject) -> bool:
    sealed = await find_sealed(tx, claim.organization_id, claim.auth_id)
    if sealed is None:
        return False
    now = tools.clock()
    key = await known_data_key(tools.vault, tx, claim.organization_id)
    is_stored = await store.store_renewed(
        tx,
        claim,
        key_id=key.key_id,
        credentials=seal_json(tools.vault, key, claim.auth_id, "credentials", credentials),
        user_data=seal_json(tools.vault, key, claim.auth_id, "user_data", open_user_data(tools.vault, sealed)),
        expires_at=expiry_of(credentials),
        refreshed_at=now,
        updated_at=now,
    )
    if is_stored:
        tx.changed(claim.organization_id, Kind.AUTH, claim.auth_id)
    return is_stored


async def _write_down(tools: Tools, claim: Claim, problem: OperationError) -> None:
    is_refused = isinstance(problem, InvalidGrant)
    doubt_seconds = tools.settings.sign_in_doubt_seconds
    is_over = isinstance(problem, NoRefreshToken) or (
        is_refused and (claim.refused_at is not None or not doubt_seconds)
    )
    async with tools.database.transaction(claim.organization_id) as tx:
        now = await tx.now()
        if is_over:
            if await store.end_sign_in(tx, claim, say(problem, now)):
                await audit.record(tx, claim.organization_id, Action.AUTH_NEEDS_REAUTH, claim.auth_id, tools.clock())
            return
        rest = doubt_seconds if is_refused else _rest_seconds(problem)
        refused_at = now if is_refused else claim.refused_at
        await store.store_problem(tx, claim, say(problem, now), now + rest, refused_at)
    log.warning("auth_not_renewed", auth=claim.auth_id, fence=claim.fence, problem=problem.kind)


def expiry_of(credentials: JsonObject) -> float | None:
    """Return when the access token ends, in seconds since 1970, as far as the credentials say it."""
    moment = credentials.get("expiresAt")
    return float(moment) if isinstance(moment, int | float) and not isinstance(moment, bool) else None


def _rest_seconds(problem: OperationError) -> float:
    asked = problem.retry_after_seconds
    return REST_SECONDS if asked is None else min(max(asked, 1.0), LONGEST_REST_SECONDS)
