"""Lets a third party rest that fails again and again, and slows down whoever asks it too often.

    closed ── half of 20 or more requests in 30 s failed ──> open ── 15 s later ──> one request may try
       ^                                                       ^                      │         │
       └────────────────────── it worked ──────────────────────┼──────────────────────┘         │
                                                               └──────────── it failed ─────────┘

Everything is kept for each (owner, auth, host): no organization can take a host away from another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from jackfield.egress.limits import Limits
from jackfield.egress.retries import RetryBudget
from jackfield.errors import NoAnswer

#: A service in front of the real one says that it is not there.
BROKEN_STATUSES = frozenset({502, 503, 504})
_MAX_REMEMBERED = 10_000


@dataclass
class Breaker:
    """One host, as one owner knows it."""

    host: str
    limits: Limits
    _window_ends: float = 0.0
    _requests: int = 0
    _failures: int = 0
    _open_until: float = 0.0
    _is_trying: bool = False

    @property
    def is_closed(self) -> bool:
        return not self._open_until

    def enter(self) -> None:
        """Note that a request wants to go. Raises NoAnswer while the host rests; else call `leave` afterwards."""
        if self.is_closed:
            return
        seconds = self._open_until - time.monotonic()
        if seconds > 0 or self._is_trying:
            raise NoAnswer(
                f"{self.host} has failed too often just now, so it is left alone for a while. "
                f"Try again in {max(seconds, 1):.0f} seconds."
            )
        self._is_trying = True

    def leave(self, has_worked: bool | None) -> None:
        """Note how the request ended; None: nobody knows, it was given up."""
        if not self.is_closed:
            self._end_try(has_worked)
        elif has_worked is not None:
            self._count(has_worked)

    def _end_try(self, has_worked: bool | None) -> None:
        if not self._is_trying:
            return  # a request that started before the host began to rest
        self._is_trying = False
        if has_worked:
            self._open_until = self._window_ends = 0.0
        elif has_worked is False:
            self._open_until = time.monotonic() + self.limits.rest_seconds

    def _count(self, has_worked: bool) -> None:
        now = time.monotonic()
        if now > self._window_ends:
            self._window_ends = now + self.limits.failures_seconds
            self._requests = self._failures = 0
        self._requests += 1
        self._failures += not has_worked
        if self._requests >= self.limits.failures_of and self._failures * 2 >= self._requests:
            self._open_until = now + self.limits.rest_seconds


@dataclass
class Bucket:
    """So many requests a second, and a few more at once."""

    per_second: float
    burst: float
    _left: float = field(init=False)
    _filled_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._left = self.burst

    def take(self) -> float:
        """Take one request out and return for how many seconds to hold it back."""
        now = time.monotonic()
        self._left = min(self.burst, self._left + (now - self._filled_at) * self.per_second)
        self._filled_at = now
        self._left -= 1
        return max(0.0, -self._left / self.per_second)


@dataclass
class Dealings:
    """How one owner and one host have got on so far."""

    breaker: Breaker
    budget: RetryBudget
    bucket: Bucket | None


class Hosts:
    """The dealings of one engine with everybody."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[tuple[str, str, str], Dealings] = {}

    def of(self, owner: str, auth: str, host: str) -> Dealings:
        known = self._known.get((owner, auth, host))
        if known is None:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            known = self._known[owner, auth, host] = self._new(host)
        return known

    def count_resting(self) -> int:
        """Return how many of these dealings rest now, or wait for one request to try."""
        return sum(not dealings.breaker.is_closed for dealings in self._known.values())

    def _new(self, host: str) -> Dealings:
        rate = self._limits.requests_per_second
        bucket = None if rate is None else Bucket(rate, burst=max(1.0, rate))
        return Dealings(Breaker(host, self._limits), RetryBudget(), bucket)
