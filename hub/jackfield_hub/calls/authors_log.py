"""What connectors printed and how their code failed: for their authors, never for those who call.

The latest entries of each connector version are in memory, to be read at once; kept_logs.py keeps them over a restart.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from jackfield.exchange import JsonObject
from jackfield_hub.ids import new_uuid7

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
    entry_id: str = field(default_factory=new_uuid7)

    def to_json(self) -> JsonObject:
        return asdict(self)


class AuthorsLog:
    """The latest entries by organization, connector and version.

    Where a hub has several processes, `tell` passes on what is written here, and `remember` takes what others pass on.
    `keep` has what is written here stored.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[Key, deque[LogEntry]] = OrderedDict()
        self.tell: Callable[[Key, LogEntry], None] | None = None
        self.keep: Callable[[Key, LogEntry], None] | None = None

    def write(self, key: Key, entry: LogEntry) -> None:
        self.remember(key, entry)
        if self.tell is not None:
            self.tell(key, entry)
        if self.keep is not None:
            self.keep(key, entry)

    def remember(self, key: Key, entry: LogEntry) -> None:
        self._entries.setdefault(key, deque(maxlen=ENTRIES_A_CONNECTOR)).append(entry)
        self._entries.move_to_end(key)
        if len(self._entries) > CONNECTORS:
            self._entries.popitem(last=False)

    def read(self, key: Key) -> list[LogEntry]:
        """Return the entries of a connector version, the newest first."""
        return list(reversed(self._entries.get(key, ())))
