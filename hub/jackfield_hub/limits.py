"""How many requests somebody may send: so many a second for ever, and a few more at once.

A bucket holds `burst` requests and is refilled with `per_second` of them each second. We keep only the moment at which
it will be full again; all else follows from it. Every token has a bucket, and so has every organization. If a hub has
several processes, they take from the same buckets.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jackfield_hub.errors import RateLimited

if TYPE_CHECKING:
    from jackfield_hub.identity.shapes import Caller
    from jackfield_hub.settings import Settings

MAX_BUCKETS = 50_000  # full ones are the same as none: the longest untouched is forgotten first


@dataclass(frozen=True, slots=True)
class Policy:
    """How often something may be done. `per_second` of 0: as often as one likes."""

    name: str
    per_second: float
    burst: int

    @property
    def refill_seconds(self) -> float:
        """How long an empty bucket takes to be full."""
        return self.burst / self.per_second

    def __str__(self) -> str:
        return f'"{self.name}";q={self.burst};w={math.ceil(self.refill_seconds)}'


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left in a bucket. `wait_seconds` is 0 for a request that may be served."""

    policy: Policy
    left: int
    full_in_seconds: float
    wait_seconds: float = 0.0

    def headers(self) -> Iterator[tuple[str, str]]:
        """Yield what a client is told, as the IETF's draft on RateLimit headers has it."""
        yield "RateLimit-Policy", str(self.policy)
        yield "RateLimit", f'"{self.policy.name}";r={self.left};t={math.ceil(self.full_in_seconds)}'


class Moments(Protocol):
    """When each bucket will be full again."""

    def turn(self) -> AbstractContextManager[object]:
        """Nobody else looks or changes anything while this block runs."""
        ...

    def find(self, key: str) -> float:
        """Return the moment, or 0.0 for a bucket nobody knows: it is full."""
        ...

    def keep(self, key: str, moment: float) -> None: ...


class OwnMoments:
    """Those of a hub that is one process."""

    def __init__(self) -> None:
        self._moments: OrderedDict[str, float] = OrderedDict()
        self._turn = nullcontext()

    def turn(self) -> AbstractContextManager[object]:
        return self._turn

    def find(self, key: str) -> float:
        return self._moments.get(key, 0.0)

    def keep(self, key: str, moment: float) -> None:
        self._moments[key] = moment
        self._moments.move_to_end(key)
        if len(self._moments) > MAX_BUCKETS:
            self._moments.popitem(last=False)


class Buckets:
    """One bucket for each key, all with the same policy."""

    def __init__(
        self, policy: Policy, now: Callable[[], float] = time.monotonic, moments: Moments | None = None
    ) -> None:
        self._policy = policy
        self._now = now
        self._moments = OwnMoments() if moments is None else moments

    def take(self, key: str) -> Standing:
        """Take one request out of a bucket, if there is one in it, and return how it stands."""
        policy, now = self._policy, self._now()
        with self._moments.turn():
            full_in = max(self._moments.find(key) - now, 0.0) + 1 / policy.per_second
            too_much = full_in - policy.refill_seconds
            if too_much > 1e-9:  # rounding must not cost anybody the last request of a burst
                return Standing(policy, 0, policy.refill_seconds, wait_seconds=too_much)
            self._moments.keep(key, now + full_in)
        return Standing(policy, int((policy.refill_seconds - full_in) * policy.per_second + 1e-9), full_in)


class RequestLimits:
    """The limits of a hub. With `moments`, they are those of all its processes."""

    def __init__(
        self, settings: Settings, now: Callable[[], float] = time.monotonic, moments: Moments | None = None
    ) -> None:
        token = Policy("token", settings.requests_per_second, settings.request_burst)
        organization = Policy(
            "organization", settings.organization_requests_per_second, settings.organization_request_burst
        )
        self._tokens = Buckets(token, now, moments) if token.per_second else None
        self._organizations = Buckets(organization, now, moments) if organization.per_second else None

    def take(self, caller: Caller) -> dict[str, str]:
        """Count one request of this caller and return what the answer's headers say of it. Raises RateLimited."""
        standings: list[Standing] = []
        if self._tokens is not None:
            standings.append(self._tokens.take(caller.token_hash))
        if self._organizations is not None and not any(one.wait_seconds for one in standings):
            standings.append(self._organizations.take(caller.organization_id))
        if not standings:
            return {}
        tightest = max(standings, key=lambda one: (one.wait_seconds, -one.left))
        headers = dict(tightest.headers())
        if tightest.wait_seconds:
            wait = math.ceil(tightest.wait_seconds)
            raise RateLimited("Rate limit exceeded", {"Retry-After": str(wait), **headers})
        return headers


class SignInLimits:
    """How often somebody may try to sign in. Guessing has to take for ever, and mistyping must not hurt."""

    def __init__(self, now: Callable[[], float] = time.monotonic, moments: Moments | None = None) -> None:
        self._emails = Buckets(Policy("sign-in", per_second=0.1, burst=10), now, moments)
        self._addresses = Buckets(Policy("sign-in", per_second=1, burst=50), now, moments)

    def take(self, email: str, address: str) -> None:
        """Count one attempt. Raises RateLimited."""
        for standing in (self._addresses.take(f"from {address}"), self._emails.take(f"as {email}")):
            if standing.wait_seconds:
                wait = math.ceil(standing.wait_seconds)
                raise RateLimited(f"Too many attempts to sign in; try again in {wait} s", {"Retry-After": str(wait)})
