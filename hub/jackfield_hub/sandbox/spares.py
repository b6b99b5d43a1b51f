"""Workers that have loaded their connector and run nothing yet, for connectors of which each call gets its own."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Hashable
from contextlib import contextmanager

from jackfield_hub.sandbox.link import WorkerLink

MAX_SPARES = 4  # of one connector of one organization


class Spares:
    """A worker in reserve for each call that runs, so that the next calls find theirs loaded."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[WorkerLink]] = {}
        self._running: Counter[Hashable] = Counter()
        self._filling: set[Hashable] = set()

    @contextmanager
    def running(self, key: Hashable) -> Generator[None]:
        """One more call of this key runs."""
        self._running[key] += 1
        try:
            yield
        finally:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]

    def take(self, key: Hashable) -> WorkerLink | None:
        """Return a worker nobody else gets, the one that has been here longest; it may still be loading."""
        waiting = self._waiting.get(key, deque())
        while waiting:
            link = waiting.popleft()
            if link.is_usable:
                return link
        return None

    def is_short(self, key: Hashable) -> bool:
        """Return whether there should be one more."""
        waiting = [link for link in self._waiting.get(key, ()) if link.is_usable]
        return len(waiting) < min(self._running[key], MAX_SPARES)

    @contextmanager
    def filling(self, key: Hashable) -> Generator[bool]:
        """Give whether nobody else is filling up the workers of this key."""
        is_first = key not in self._filling
        self._filling.add(key)
        try:
            yield is_first
        finally:
            if is_first:
                self._filling.discard(key)

    def put(self, key: Hashable, link: WorkerLink) -> None:
        self._waiting.setdefault(key, deque()).append(link)

    def forget(self, key: Hashable, link: WorkerLink) -> None:
        """This worker is gone."""
        waiting = self._waiting.get(key)
        if waiting is None:
            return
        if link in waiting:
            waiting.remove(link)
        if not waiting:
            del self._waiting[key]
