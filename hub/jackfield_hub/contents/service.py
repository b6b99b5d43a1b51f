"""Files by the digest of what they hold, in the database: for hubs that share it, and have a data folder each.

    keep    pieces under a number of their own ── the last statement says: this digest is that number
    fetch   the pieces, into a draft. Whoever asked checks the digest, and gives it its name

A hub that dies in the middle leaves pieces nobody knows of, which are removed after an hour.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from pathlib import Path

from jackfield_hub.contents import store
from jackfield_hub.database import EVERY_ORGANIZATION, Database

PIECE_BYTES = 1024 * 1024


class Contents:
    """What the hubs of one database keep in common."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, digest: str, file: Path) -> None:
        """Have this file be there for all from now on. Nothing happens when there is one of this digest."""
        async with self._database.transaction(EVERY_ORGANIZATION) as tx:
            if await store.touch(tx, digest):
                return
        upload_id, pieces = str(uuid.uuid4()), 0
        with file.open("rb") as content:
            while piece := await asyncio.to_thread(content.read, PIECE_BYTES):
                async with self._database.transaction(EVERY_ORGANIZATION) as tx:
                    await store.insert_piece(tx, upload_id, pieces, piece)
                pieces += 1
        async with self._database.transaction(EVERY_ORGANIZATION) as tx:
            if not await store.insert(tx, digest, upload_id, pieces):  # another hub was quicker
                await store.touch(tx, digest)
                await store.delete_pieces(tx, upload_id)

    async def fetch(self, digest: str, draft: Path) -> bool:
        """Write what was kept under this digest to a new file; return False when nothing was."""
        async with self._database.reading(EVERY_ORGANIZATION) as tx:
            found = await store.find(tx, digest)
        if found is None:
            return False
        upload_id, pieces = found
        with draft.open("xb") as content:
            for number in range(pieces):
                async with self._database.reading(EVERY_ORGANIZATION) as tx:
                    piece = await store.find_piece(tx, upload_id, number)
                if piece is None:  # it was removed while we were reading
                    return False
                await asyncio.to_thread(content.write, piece)
        return True

    async def forget_orphans(self, kept: Collection[str], older_than_seconds: float) -> int:
        """Remove what has none of these digests and is that old. Return how many went."""
        async with self._database.transaction(EVERY_ORGANIZATION) as tx:
            unnamed = [digest for digest in await store.list_old(tx, older_than_seconds) if digest not in kept]
            removed = [await store.delete(tx, digest, older_than_seconds) for digest in unnamed]
            await store.delete_lost_pieces(tx, older_than_seconds)
        return sum(removed)
