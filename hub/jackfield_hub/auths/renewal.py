"""Renewing an access token, one at a time for an auth: in this process, on this machine, and on all others.

    look at the row ─┬─ other credentials than ours ─────────────> use them
                     ├─ somebody has to sign in again ───────────> say so
                     ├─ the provider failed a moment ago ────────> say what was the matter, ask nobody
                     ├─ somebody has claimed it ─ wait, look again
                     └─ nobody ─ claim it (a lease, a fence) ─ carry it out (errand.py) ─ look again

What comes of a renewal is in the row before anybody uses it; those who wait read it there, whichever process they are
in. No transaction is open while a provider is asked.

A refresh token that works once is not sent by this process but by a courier (courier.py): killing the hub at any moment
loses no sign-in. When the courier dies too, or the machine, nobody knows whether the token was spent: the lease runs
out, that is written to the audit, and the next call tries with the refresh token that is stored.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from contextlib import suppress

from jackfield.errors import NoAnswer, NotAllowed, OperationError, PlatformError, TimedOut
from jackfield.exchange import JsonObject
from jackfield.oauth.errors import InvalidClient, InvalidGrant, InvalidScope, ProviderBroken, TokenRefused
from jackfield.oauth.ways import TokenRequest
from jackfield_hub.audit import service as audit
from jackfield_hub.audit.service import Action
from jackfield_hub.auths import store
from jackfield_hub.auths.couriers import CourierLost, NoCourier
from jackfield_hub.auths.errand import beating, carry_out
from jackfield_hub.auths.opening import find_sealed
from jackfield_hub.auths.provider import PROVIDER_SECONDS, can_be_spent
from jackfield_hub.auths.shapes import AuthState, Claim, OpenedAuth, Progress, SealedAuth
from jackfield_hub.auths.token_operation import run_token_operation
from jackfield_hub.errors import NotFound
from jackfield_hub.hub import Hub

LOOK_SECONDS = (0.025, 0.05)  # between two looks at a row that somebody else is renewing

SIGN_IN_AGAIN = "The sign-in of this authentication is over: sign in again, or store new credentials for it."
#: What a problem in a row is raised as; any other kind is somebody else's mistake.
_PROBLEMS: dict[str, type[OperationError]] = {
    kind.__name__: kind
    for kind in (
        InvalidGrant,
        InvalidClient,
        InvalidScope,
        TokenRefused,
        ProviderBroken,
        NoAnswer,
        TimedOut,
        NotAllowed,
    )
}


async def renew(hub: Hub, auth: OpenedAuth, deadline: float) -> SealedAuth:
    """Return the auth with other credentials than it has now: renewed by us, or by somebody else meanwhile.

    `deadline` is a moment of `time.monotonic()`. Raises TokenRefused and its subclasses, NoAnswer, TimedOut; NotFound
    when the auth was removed. A renewal that has begun goes on when its caller gives up.
    """
    key = (auth.sealed.organization_id, auth.auth_id)
    while True:
        try:
            renewed = await hub.renewals.join(key, lambda: _renew_counted(hub, auth), deadline - time.monotonic())
        except TimeoutError:
            raise TimedOut("The provider takes too long to renew the access token. Try again later.") from None
        if renewed.version != auth.sealed.version:
            return renewed


async def _renew_counted(hub: Hub, auth: OpenedAuth) -> SealedAuth:
    try:
        renewed = await _renew(hub, auth)
    except OperationError as failure:
        hub.numbers.renewals[failure.kind] += 1
        raise
    hub.numbers.renewals["renewed"] += 1
    return renewed


async def _renew(hub: Hub, auth: OpenedAuth) -> SealedAuth:
    seen, give_up_at = auth.sealed, time.monotonic() + PROVIDER_SECONDS + 2 * hub.settings.renewal_lease_seconds
    while time.monotonic() < give_up_at:
        progress, now = await _look(hub, seen)
        if progress.version != seen.version:
            return await _read(hub, seen)
        _check(progress, now)
        if progress.lease_until is None or progress.lease_until <= now:
            claim = await _claim(hub, seen, has_lost_one=progress.lease_until is not None)
            if claim is not None:
                with suppress(CourierLost):  # then the row does not change, and the lease runs out
                    await _carry_out(hub, claim, auth)
                    continue
        await asyncio.sleep(random.uniform(*LOOK_SECONDS))  # noqa: S311
    raise TimedOut("The access token could not be renewed in time. Try again later.")


async def _look(hub: Hub, seen: SealedAuth) -> tuple[Progress, float]:
    async with hub.database.reading(seen.organization_id) as tx:
        progress, now = await store.find_progress(tx, seen.organization_id, seen.auth_id), await tx.now()
    if progress is None:
        raise NotFound(f"The authentication {seen.auth_id} was removed")
    return progress, now


def _check(progress: Progress, now: float) -> None:
    """Raise what stands in the way of a renewal, if anything does."""
    if progress.state is AuthState.NEEDS_REAUTH:
        raise InvalidGrant(SIGN_IN_AGAIN)
    if progress.rests_until is not None and now < progress.rests_until and progress.lease_until is None:
        raise _problem(progress.problem or {}, now)


def _problem(said: JsonObject, now: float) -> OperationError:
    kind = _PROBLEMS.get(said.get("kind", ""), PlatformError)
    problem = kind(said.get("message", "The access token could not be renewed. Try again later."))
    if "retryAt" in said:
        problem.retry_after_seconds = max(0, math.ceil(said["retryAt"] - now))
    return problem


async def _claim(hub: Hub, seen: SealedAuth, *, has_lost_one: bool) -> Claim | None:
    async with hub.database.transaction(seen.organization_id) as tx:
        now = await tx.now()
        lease_until = now + hub.settings.renewal_lease_seconds
        claim = await store.claim(tx, seen, now, lease_until)
        if claim is not None and has_lost_one:
            await audit.record(tx, seen.organization_id, Action.RENEWAL_LOST, seen.auth_id, hub.clock())
    return claim


async def _carry_out(hub: Hub, claim: Claim, auth: OpenedAuth) -> None:
    if isinstance(auth.sign_in, TokenRequest):
        await carry_out(hub, claim, lambda opened: run_token_operation(hub, opened))
        return
    if hub.settings.renewal_courier and can_be_spent(auth):
        with suppress(NoCourier):
            async with beating(hub, claim):  # until the courier is ready to do so
                await hub.couriers.carry(claim)
            return
    await carry_out(hub, claim)


async def _read(hub: Hub, seen: SealedAuth) -> SealedAuth:
    hub.known_auths.forget(seen.organization_id, seen.auth_id)
    epoch = hub.known_auths.epoch(seen.organization_id)
    async with hub.database.reading(seen.organization_id) as tx:
        auth = await find_sealed(tx, seen.organization_id, seen.auth_id)
    if auth is None:
        raise NotFound(f"The authentication {seen.auth_id} was removed")
    hub.known_auths.remember((seen.organization_id, seen.auth_id), auth, epoch, size=auth.size)
    return auth
