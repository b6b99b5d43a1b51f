"""How long the calls of a worker have computed, each in the thread of its handler or in its turns on the loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

LOOK_SECONDS = 0.2


@dataclass
class _Running:
    clock: int  # of the thread's processor time
    ends_at: float

    def is_over(self) -> bool:
        try:
            return time.clock_gettime(self.clock) > self.ends_at
        except OSError:
            return False  # the thread has just ended


class Meter:
    """Tells once of each call that has computed for too long.

    It is there for connectors that are wrong. A hostile one could stop it, and meets the call's deadline.
    """

    def __init__(self, max_seconds: float, tell: Callable[[int], None]) -> None:
        self._max_seconds = max_seconds
        self._tell = tell
        self._running: dict[int, _Running] = {}
        self._is_busy = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    @contextmanager
    def measured(self, call_id: int) -> Generator[None]:
        """Measure what this thread computes in the block."""
        share = self.share(call_id)
        share.begin()
        try:
            yield
        finally:
            share.end()

    def share(self, call_id: int) -> Share:
        """Return what a call may compute, in one turn or in many."""
        return Share(self, call_id, self._max_seconds)

    def begin(self, call_id: int, seconds: float) -> None:
        """From now on this thread computes for that call, which has so many seconds left."""
        clock = time.pthread_getcpuclockid(threading.get_ident())
        self._running[call_id] = _Running(clock, time.thread_time() + seconds)
        if not self._is_busy.is_set():
            self._is_busy.set()

    def end(self, call_id: int) -> float:
        """The thread does something else again. Return how many seconds the call has left; 0 when it had too few."""
        running = self._running.pop(call_id, None)
        if running is None:
            return 0.0  # told already
        left = running.ends_at - time.thread_time()
        if left <= 0:
            self._tell(call_id)
        return max(left, 0.0)

    def _look(self) -> None:
        while True:
            self._is_busy.wait()
            if not self._running:
                self._is_busy.clear()
            time.sleep(LOOK_SECONDS)
            for call_id, running in list(self._running.items()):
                if running.is_over() and self._running.pop(call_id, None):
                    self._tell(call_id)


class Share:
    """What one call may still compute."""

    def __init__(self, meter: Meter, call_id: int, seconds: float) -> None:
        self._meter = meter
        self._call_id = call_id
        self._left = seconds

    def begin(self) -> None:
        """A turn begins on this thread."""
        if self._left:
            self._meter.begin(self._call_id, self._left)

    def end(self) -> None:
        """The turn is over."""
        if self._left:
            self._left = self._meter.end(self._call_id)
