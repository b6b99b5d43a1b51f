"""What was read from the database lately, so that a call need not read it again.

    a change is committed ─→ forget ─→ the organization's epoch goes up, what we knew is gone

Whoever reads the database takes the epoch first: what was read before a change is not kept after it. `forget` is the
one door for changes; a process that learns of another process's change comes through it too.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Entry = TypeVar("Entry")
Key = tuple[str, ...]  #: the organization first, for example `("6c5b…", "acme", "1.0")`


class Known(Generic[Entry]):
    """The most recently used entries of one kind; the longest unused is forgotten first."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._epochs: dict[str, int] = {}

    def find(self, key: Key) -> Entry | None:
        """Return what we know under this key, or None when we have to look."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def epoch(self, organization_id: str) -> int:
        """Return how often this organization's entries have changed under our eyes."""
        return self._epochs.get(organization_id, 0)

    def remember(self, key: Key, entry: Entry, epoch: int) -> None:
        """Keep an entry, unless there was a change since `epoch`."""
        if epoch != self.epoch(key[0]):
            return
        self._entries[key] = entry
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def forget(self, *prefix: str) -> None:
        """Something under this key, or under every key that starts like it, has changed."""
        self._epochs[prefix[0]] = self.epoch(prefix[0]) + 1
        if self._entries.pop(prefix, None) is None:
            for key in [key for key in self._entries if key[: len(prefix)] == prefix]:
                del self._entries[key]
