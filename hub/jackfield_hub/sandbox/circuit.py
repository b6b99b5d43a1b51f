"""Keeps a connector that kills its workers from being started over and over."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

DEATHS = 3
WINDOW_SECONDS = 60.0
WARY_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 4.0
LONGEST_PAUSE_SECONDS = 300.0


class Circuit:
    """Opens after three deaths within a minute.

    After a pause a worker may try again; each further death doubles the pause, the first success ends it.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._closed_until = 0.0
        self._is_trying = False

    def pause_left(self) -> float:
        """Return for how many more seconds no worker may be started; 0 when one may."""
        return max(0.0, self._closed_until - self._now())

    def died(self) -> None:
        """Remember a death: of a worker that crashed, did not load, or had to be ended for what it did."""
        now = self._now()
        self._deaths.append(now)
        if self._is_trying:
            self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)
            self._open(now)
        elif len(self._deaths) == DEATHS and now - self._deaths[0] <= WINDOW_SECONDS:
            self._open(now)

    def succeeded(self) -> None:
        """A call has come back: forgive, once the pause is over."""
        if self._is_trying and not self.pause_left():
            self._is_trying = False
            self._pause_seconds = FIRST_PAUSE_SECONDS
            self._deaths.clear()

    def has_just_died(self) -> bool:
        """Return whether the last death is so recent that the next worker may well do the same."""
        return bool(self._deaths) and self._now() - self._deaths[-1] <= WARY_SECONDS

    def is_calm(self) -> bool:
        """Return whether nothing has happened for so long that the circuit is as good as new."""
        return not self._deaths or self._now() - self._deaths[-1] > WINDOW_SECONDS + LONGEST_PAUSE_SECONDS

    def _open(self, now: float) -> None:
        self._closed_until = now + self._pause_seconds
        self._is_trying = True
