"""What was read from the database lately, so that a call need not read it again.

    a change is committed ─→ forget ─→ the organization's epoch goes up, what we knew is gone

Whoever reads the database takes the epoch first: what was read before a change is not kept after it. Those who ask for
the same in one epoch share one look: hundreds of calls may miss it in the same moment. Changes that other processes
make come through `forget` too; for as long as nobody looks for those (changes/watcher.py), nothing is known.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from jackfield_hub.flights import Flights

Entry = TypeVar("Entry")
Found = TypeVar("Found")
Key = tuple[str, ...]  #: the organization first, for example `("6c5b…", "acme", "1.0")`


class Known(Generic[Entry]):
    """The most recently used entries of one kind; the longest unused is forgotten first.

    There are at most `max_entries`, and at most `max_bytes` of what is said to be their size.
    """

    def __init__(self, max_entries: int, max_bytes: float = math.inf) -> None:
        self._max_entries = max_entries
        self._bytes_left = max_bytes
        self._entries: OrderedDict[Key, tuple[Entry, int]] = OrderedDict()
        self._keys_of: defaultdict[str, set[Key]] = defaultdict(set)
        self._epochs: dict[str, int] = {}
        self._epoch_of_all = 0
        self._looks = Flights[Any]()
        self.good_until = math.inf  #: a moment of `time.monotonic()`; until then the entries are what is stored
        self.hits = 0  #: looks that found something
        self.misses = 0

    def find(self, key: Key) -> Entry | None:
        """Return what we know under this key, or None when we have to look."""
        known = self._entries.get(key)
        if known is None or time.monotonic() > self.good_until:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return known[0]

    async def look(self, key: Key, read: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
        """Return what `read` finds, or what somebody else's has found who is looking already. Raises what it raises."""
        if time.monotonic() > self.good_until:
            return await read()  # what others have changed since is not known to us
        return await self._looks.join((*key, str(self.epoch(key[0]))), read)

    def epoch(self, organization_id: str) -> int:
        """Return how often this organization's entries have changed under our eyes."""
        return self._epoch_of_all + self._epochs.get(organization_id, 0)

    def remember(self, key: Key, entry: Entry, epoch: int, size: int = 0) -> None:
        """Keep an entry of so many bytes, unless there was a change since `epoch`."""
        if epoch != self.epoch(key[0]):
            return
        self._drop(key)
        self._entries[key] = (entry, size)
        self._keys_of[key[0]].add(key)
        self._bytes_left -= size
        while self._entries and (len(self._entries) > self._max_entries or self._bytes_left < 0):
            self._drop(next(iter(self._entries)))

    def forget(self, organization_id: str, *rest: str) -> None:
        """What is under this key has changed, or, without `rest`, anything of this organization."""
        self._epochs[organization_id] = self._epochs.get(organization_id, 0) + 1
        if rest:
            self._drop((organization_id, *rest))
        else:
            for key in list(self._keys_of.get(organization_id, ())):
                self._drop(key)

    def forget_all(self) -> None:
        """Anything may have changed."""
        self._epoch_of_all += 1
        for key in list(self._entries):
            self._drop(key)

    def _drop(self, key: Key) -> None:
        known = self._entries.pop(key, None)
        if known is None:
            return
        self._bytes_left += known[1]
        keys = self._keys_of[key[0]]
        keys.discard(key)
        if not keys:
            del self._keys_of[key[0]]
