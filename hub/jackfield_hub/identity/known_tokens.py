"""Tokens seen a moment ago, so that a call need not ask the database who calls."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

from jackfield_hub.flights import Flights
from jackfield_hub.identity.shapes import Caller

MAX_TOKENS = 50_000
GOOD_FOR_SECONDS = 60.0  # after that we look again: should a change ever pass us by, then not for long


class KnownTokens:
    """The callers of the last minute by the SHA-256 of their token; the longest unused are forgotten first."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._callers: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._tokens_of: defaultdict[str | None, set[bytes]] = defaultdict(set)  # by user
        self._looks = Flights[Caller]()
        self.revision = 0  #: goes up with every revocation and every change of what somebody may do
        self.good_until = math.inf  #: a moment of `now()`; until then what we know is what is stored

    def find(self, digest: bytes) -> Caller | None:
        """Return who bears the token, or None when we have to look."""
        known = self._callers.get(digest)
        if known is None:
            return None
        caller, good_until = known
        now = self._now()
        if now >= good_until:
            self._drop(digest)
            return None
        if now > self.good_until:
            return None
        self._callers.move_to_end(digest)
        return caller

    async def look(self, digest: bytes, read: Callable[[], Coroutine[Any, Any, Caller]]) -> Caller:
        """Return who bears the token, as `read` finds: one look for all who ask before anything changes.

        A busy token is over for all its calls at once, every minute. Raises what `read` raises.
        """
        if self._now() > self.good_until:
            return await read()
        return await self._looks.join((digest.hex(), str(self.revision)), read)

    def remember(self, digest: bytes, caller: Caller, seconds_to_live: float | None, revision: int) -> None:
        """Keep an answer. `seconds_to_live` is what the token itself has left, or None.

        `revision` is ours from before the look: an answer that is older than a revocation is not kept.
        """
        if revision != self.revision:
            return
        good_for = GOOD_FOR_SECONDS if seconds_to_live is None else min(GOOD_FOR_SECONDS, seconds_to_live)
        self._drop(digest)
        self._callers[digest] = (caller, self._now() + good_for)
        self._tokens_of[caller.user_id].add(digest)
        if len(self._callers) > MAX_TOKENS:
            self._drop(next(iter(self._callers)))

    def forget(self, digest: bytes) -> None:
        """The token was revoked."""
        self.revision += 1
        self._drop(digest)

    def forget_user(self, user_id: str) -> None:
        """Somebody was removed, or may do something else from now on."""
        self.revision += 1
        for digest in list(self._tokens_of.get(user_id, ())):
            self._drop(digest)

    def forget_all(self) -> None:
        """Anything may have changed."""
        self.revision += 1
        self._callers.clear()
        self._tokens_of.clear()

    def _drop(self, digest: bytes) -> None:
        known = self._callers.pop(digest, None)
        if known is None:
            return
        tokens = self._tokens_of[known[0].user_id]
        tokens.discard(digest)
        if not tokens:
            del self._tokens_of[known[0].user_id]
