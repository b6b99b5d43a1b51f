"""Deadlines of thousands of things, hardly one of which ever comes."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

EARLY_SECONDS = 0.002  # an event loop's clock counts milliseconds


class Deadlines:
    """One timer for all of them: one for each takes ten times as long. Belongs to one event loop.

    `over` is called when a deadline has come, with a moment of `time.monotonic()`: it deals with all that is due by
    then, and returns the next deadline, `math.inf` when there is none.
    """

    def __init__(self, over: Callable[[float], float]) -> None:
        self._over = over
        self._next = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def add(self, at: float) -> None:
        if at < self._next:
            self.stop()
            self._next = at
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - time.monotonic()), self._ring)

    def stop(self) -> None:
        """Forget them all."""
        self._next = math.inf
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._next, self._timer = math.inf, None
        self.add(self._over(time.monotonic() + EARLY_SECONDS))
