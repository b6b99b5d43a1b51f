"""What connectors printed and how their code failed: for their authors, never for those who call.

Kept in memory only, the latest entries of each connector version: a traceback may hold what a caller sent.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

from jackfield.exchange import JsonObject

ENTRIES_A_CONNECTOR = 50
CONNECTORS = 500  # the longest unused is forgotten first
MAX_CHARACTERS = 16 * 1024  # of one entry; its end is kept, where a traceback names the failure

Key = tuple[str, str, str]  #: organization, connector, version


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What one call left for the author. `at` is in seconds since 1970."""

    at: float
    request_id: str
    operation: str
    outcome: str
    text: str

    def to_json(self) -> JsonObject:
        return asdict(self)


class AuthorsLog:
    """The latest entries by organization, connector and version.

    Where a hub has several processes, `tell` passes on what is written here, and `remember` takes what others pass on.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[Key, deque[LogEntry]] = OrderedDict()
        self.tell: Callable[[Key, LogEntry], None] | None = None

    def write(self, key: Key, entry: LogEntry) -> None:
        self.remember(key, entry)
        if self.tell is not None:
            self.tell(key, entry)

    def remember(self, key: Key, entry: LogEntry) -> None:
        self._entries.setdefault(key, deque(maxlen=ENTRIES_A_CONNECTOR)).append(entry)
        self._entries.move_to_end(key)
        if len(self._entries) > CONNECTORS:
            self._entries.popitem(last=False)

    def read(self, key: Key) -> list[LogEntry]:
        """Return the entries of a connector version, the newest first."""
        return list(reversed(self._entries.get(key, ())))
