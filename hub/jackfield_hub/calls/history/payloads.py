"""What went into calls and what came out, for as long as an operator wants it kept. Without that wish: nothing.

    a call is answered ─→ secrets, signatures out; cut ─→ waiting, not too many ─→ sealed, stored ─→ forgotten in time

It is a help for looking into what went wrong, and no part of the ledger (keeper.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import orjson

from jackfield.egress.redaction import redactor
from jackfield.exchange import JsonObject
from jackfield_hub.auths.sealing import newest_data_key, seal_json
from jackfield_hub.auths.vault import Vault
from jackfield_hub.calls.history import store
from jackfield_hub.calls.history.shapes import CONTENT, KeptPayload
from jackfield_hub.calls.keeper import Keeper
from jackfield_hub.calls.shapes import Task
from jackfield_hub.database import Database
from jackfield_hub.files.links import without_signatures
from jackfield_hub.settings import Settings

MAX_WAITING = 1000
GATHER_SECONDS = 0.2
HOUR_SECONDS = 3600.0


class Payloads:
    """Keeps payloads in the background. Close it with `await close()`."""

    def __init__(self, settings: Settings, database: Database, vault: Vault, clock: Callable[[], float]) -> None:
        self.dropped = 0  #: not kept, because too many waited or the database was away
        self._kept_seconds = settings.payloads_kept_hours * HOUR_SECONDS
        self._max_bytes = settings.max_payload_bytes
        self._database = database
        self._vault = vault
        self._clock = clock
        self._waiting: list[KeptPayload] = []
        self._keeper = Keeper("payloads", GATHER_SECONDS, self._collect, self._store, self._lose)

    def keep(self, task: Task, given: JsonObject, output: bytes, secrets: Iterable[str]) -> None:
        """Keep what went into a call and what came out, without these secrets."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        out = redactor(secrets)
        whole = (orjson.dumps(given), output)
        texts = [without_signatures(out.content(text)) for text in whole]  # first this, or half a secret might stay
        is_cut = any(len(text) > self._max_bytes for text in texts)
        asked, answered = (text[: self._max_bytes].decode(errors="ignore") for text in texts)
        content: JsonObject = {"input": asked, "output": answered, "isCut": is_cut}
        now = self._clock()
        kept = KeptPayload(task.task_id, task.organization_id, content, now, now + self._kept_seconds)
        self._waiting.append(kept)
        self._keeper.wake()

    async def close(self) -> None:
        """Store what waits, then stop."""
        await self._keeper.close()

    def _collect(self) -> dict[str, list[KeptPayload]]:
        waiting, self._waiting = self._waiting, []
        by_organization: defaultdict[str, list[KeptPayload]] = defaultdict(list)
        for kept in waiting:
            by_organization[kept.organization_id].append(kept)
        return by_organization

    def _lose(self, kept: list[KeptPayload]) -> None:
        self.dropped += len(kept)

    async def _store(self, organization_id: str, kept: list[KeptPayload]) -> None:
        async with self._database.transaction(organization_id) as tx:
            key = await newest_data_key(self._vault, tx, organization_id, self._clock())
            rows = [
                {
                    "id": one.task_id,
                    "organization_id": organization_id,
                    "key_id": key.key_id,
                    CONTENT: seal_json(self._vault, key, one.task_id, CONTENT, one.content),
                    "created_at": one.created_at,
                    "expires_at": one.expires_at,
                }
                for one in kept
            ]
            await store.insert_payloads(tx, rows)
