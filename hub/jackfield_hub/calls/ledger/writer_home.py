"""The ledger's home in an api process that is one of several: the writer, which stores for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jackfield_hub.calls.ledger import address, wire
from jackfield_hub.calls.ledger.shapes import Entry, HomeAway
from jackfield_hub.calls.ledger.wire import Fate
from jackfield_hub.calls.shapes import KeptCall
from jackfield_hub.database import Database

AWAY_SECONDS = 20.0  # longer than it takes to notice that the writer hangs, and to replace it
RETRY_SECONDS = 0.05


class NotTaken(Exception):
    """There is something in the batch that cannot be stored."""


class WriterHome:
    """The writer of this data folder. While it is being replaced, what is to be stored waits."""

    def __init__(self, folder: Path, owner: str) -> None:
        self.rows = Database(f"sqlite:///{folder / 'usage.db'}")
        self._folder = folder
        self._owner = owner
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def write(self, entries: Sequence[Entry]) -> list[KeptCall | None]:
        """Have all of this stored or nothing. Raises HomeAway, NotTaken."""
        batch = wire.frame([wire.entry_to_json(entry) for entry in entries])
        fate, results = await self._ask(batch)
        if fate == Fate.AWAY:
            raise HomeAway
        if fate == Fate.BROKEN:
            raise NotTaken
        return [wire.kept_of(result) for result in results]

    async def close(self) -> None:
        self._hang_up()
        await self.rows.close()

    async def _ask(self, batch: bytes) -> Any:
        """Say it until there is an answer: a batch that is given again is stored once."""
        give_up_at = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + give_up_at - time.monotonic()):
                    return await self._ask_once(batch)
            except (OSError, asyncio.IncompleteReadError):
                if time.monotonic() > give_up_at:
                    raise HomeAway from None
            await asyncio.sleep(RETRY_SECONDS)

    async def _ask_once(self, batch: bytes) -> Any:
        try:
            reader, writer = await self._open_line()
            writer.write(batch)
            await writer.drain()
            return await wire.read_frame(reader)
        except BaseException:  # whatever it was: an answer that comes later must not pass for that to the next batch
            self._hang_up()
            raise

    async def _open_line(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._line is None:
            self._line = await address.connect(self._folder)
            self._line[1].write(wire.frame({"owner": self._owner}))
        return self._line

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line[1].close()
            self._line = None
