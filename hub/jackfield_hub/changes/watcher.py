"""One task of a process that forgets what others have changed, and says how long what is left may be believed.

look ── forget what has changed ── believe the rest for ten more seconds ── wait
 ├── the database is away: nobody says "believe" any more, so after ten seconds everything is read anew
 └── it does not even say so: then nobody else need wait for it either, until it answers here
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Protocol

from jackfield_hub.changes import store
from jackfield_hub.changes.outlook import Outlook
from jackfield_hub.changes.shapes import Change
from jackfield_hub.database import EVERY_ORGANIZATION, Database, DatabaseAway
from jackfield_hub.logs import describe, log

BELIEVE_SECONDS = 10.0  # time for one look that is not answered, and another
AGAIN_SECONDS = 0.5
LOOK_SECONDS = 2.5  # at most, connecting included
KEPT_SECONDS = 3600.0  # whoever has not looked for half as long (it was stopped) forgets everything
TIDY_SECONDS = 600.0


class Memory(Protocol):
    """What a process remembers of the database."""

    def forget(self, change: Change) -> None:
        """This has changed."""
        ...

    def forget_all(self) -> None:
        """Anything may have changed."""
        ...

    def believe_until(self, moment: float) -> None:
        """Until then (of `time.monotonic()`), what is remembered is what is stored."""
        ...


class Watcher:
    """Keeps a memory true for as long as it runs."""

    def __init__(self, outlook: Outlook, memory: Memory, database: Database) -> None:
        self._outlook = outlook
        self._memory = memory
        self._database = database
        self._is_open = False
        self._looked_at = 0.0
        self._unanswered = 0
        self._next_tidying = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin. What was remembered before may be wrong, and is forgotten."""
        await self._look()
        self._watching = asyncio.create_task(self._watch(), name="watcher")

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        self._memory.believe_until(0.0)
        await self._outlook.close()

    async def _watch(self) -> None:
        while True:
            try:
                await self._outlook.wait()
                await self._look()
                await self._tidy()
            except Exception as failure:  # whatever it is: we go on, and until then nothing is believed for long
                log.error("changes_unseen", **describe(failure))
                self._is_open = False
                self._unanswered = self._unanswered + 1 if isinstance(failure, TimeoutError) else 0
                if self._unanswered > 1:  # the first may be our own fault: we were stopped for a while
                    self._memory.believe_until(0.0)  # a call that runs now could not be recorded
                    self._database.fall_silent()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _look(self) -> None:
        began = time.monotonic()
        async with asyncio.timeout(LOOK_SECONDS):
            if not self._is_open or began > self._looked_at + KEPT_SECONDS / 2:
                await self._outlook.open()
                self._memory.forget_all()
                self._is_open = True
            while found := await self._outlook.look():
                for change in found:
                    self._memory.forget(change)
        self._looked_at = began
        self._unanswered = 0
        self._database.speak()
        self._memory.believe_until(began + BELIEVE_SECONDS)

    async def _tidy(self) -> None:
        """Remove old changes once in a while. Every process does: it does not matter who is first."""
        if time.monotonic() < self._next_tidying:
            return
        self._next_tidying = time.monotonic() + TIDY_SECONDS
        with suppress(DatabaseAway, TimeoutError):  # said already, where it was noticed; and there is a next time
            async with asyncio.timeout(LOOK_SECONDS), self._database.transaction(EVERY_ORGANIZATION) as tx:
                await store.forget_old(tx, KEPT_SECONDS)
