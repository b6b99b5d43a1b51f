"""What connectors left for their authors, kept for a while so that a restart does not take it away.

a call leaves something ─→ waiting, the latest of each connector ─→ signatures out ─→ sealed, stored ─→ forgotten
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from jackfield_hub.auths.sealing import newest_data_key
from jackfield_hub.auths.vault import DoesNotOpen, Spot, Vault
from jackfield_hub.calls import store
from jackfield_hub.calls.authors_log import CONNECTORS, ENTRIES_A_CONNECTOR, Key, LogEntry
from jackfield_hub.calls.keeper import Keeper
from jackfield_hub.calls.shapes import SealedEntry
from jackfield_hub.database import Database
from jackfield_hub.files.links import without_signatures
from jackfield_hub.logs import describe, log
from jackfield_hub.settings import Settings

GATHER_SECONDS = 1.0  # a connector that prints in each of a thousand calls has fifty of them stored
HOUR_SECONDS = 3600.0
TEXT = "text"

Logs = dict[Key, deque[LogEntry]]


class KeptLogs:
    """Keeps entries in the background. Close it with `await close()`."""

    def __init__(self, settings: Settings, database: Database, vault: Vault, clock: Callable[[], float]) -> None:
        self._kept_seconds = settings.authors_log_kept_hours * HOUR_SECONDS
        self._database = database
        self._vault = vault
        self._clock = clock
        self._waiting: Logs = {}
        self._keeper = Keeper("authors_logs", GATHER_SECONDS, self._collect, self._store)

    def keep(self, key: Key, entry: LogEntry) -> None:
        """Keep an entry, unless this organization has so many connectors that talk that there is no end to it."""
        if key not in self._waiting and len(self._waiting) >= CONNECTORS:
            return
        self._waiting.setdefault(key, deque(maxlen=ENTRIES_A_CONNECTOR)).append(entry)
        self._keeper.wake()

    async def read(self, key: Key) -> list[LogEntry]:
        """Return what is kept of this connector version, in any order."""
        organization_id, connector, version = key
        async with self._database.reading(organization_id) as tx:
            kept = await store.list_log_entries(tx, organization_id, connector, version, self._clock())
        return [entry for one in kept if (entry := self._opened(organization_id, one)) is not None]

    async def close(self) -> None:
        """Store what waits, then stop."""
        await self._keeper.close()

    def _collect(self) -> dict[str, Logs]:
        waiting, self._waiting = self._waiting, {}
        by_organization: defaultdict[str, Logs] = defaultdict(dict)
        for key, entries in waiting.items():
            by_organization[key[0]][key] = entries
        return by_organization

    async def _store(self, organization_id: str, logs: Logs) -> None:
        now = self._clock()
        async with self._database.transaction(organization_id) as tx:
            key = await newest_data_key(self._vault, tx, organization_id, now)
            for (_, connector, version), entries in logs.items():
                rows = [
                    {
                        "id": entry.entry_id,
                        "organization_id": organization_id,
                        "key_id": key.key_id,
                        "connector": connector,
                        "version": version,
                        "request_id": entry.request_id,
                        "operation": entry.operation,
                        "outcome": entry.outcome,
                        TEXT: self._vault.seal(key, Spot(organization_id, entry.entry_id, TEXT), _clean(entry.text)),
                        "created_at": entry.at,
                        "expires_at": now + self._kept_seconds,
                    }
                    for entry in entries
                ]
                await store.insert_log_entries(tx, rows)
                await store.delete_log_entries_beyond(tx, organization_id, connector, version, ENTRIES_A_CONNECTOR)

    def _opened(self, organization_id: str, kept: SealedEntry) -> LogEntry | None:
        try:
            text = self._vault.unseal(kept.key, Spot(organization_id, kept.entry_id, TEXT), kept.text)
        except DoesNotOpen as failure:
            log.error("authors_log_does_not_open", **describe(failure))
            return None
        return LogEntry(kept.at, kept.request_id, kept.operation, kept.outcome, text.decode(), kept.entry_id)


def _clean(text: str) -> bytes:
    return without_signatures(text.encode(errors="replace"))
