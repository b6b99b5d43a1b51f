"""How long the calls of a worker have computed, each in the thread of its handler."""

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
        clock = time.pthread_getcpuclockid(threading.get_ident())
        self._running[call_id] = _Running(clock, time.thread_time() + self._max_seconds)
        self._is_busy.set()
        try:
            yield
        finally:
            self._running.pop(call_id, None)

    def _look(self) -> None:
        while True:
            self._is_busy.wait()
            if not self._running:
                self._is_busy.clear()
            time.sleep(LOOK_SECONDS)
            for call_id, running in list(self._running.items()):
                if running.is_over() and self._running.pop(call_id, None):
                    self._tell(call_id)
