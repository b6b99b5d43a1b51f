"""Files as files in a folder of this machine.

drafts/<organization>/<file>     on its way in; a hub that dies leaves it to the next sweep
kept/<organization>/<file>
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jackfield_hub.files.depot import PIECE_BYTES, DepotAway, DepotFull, Draft, Gone
from jackfield_hub.full_disk import is_full


class FolderDepot:
    """A folder only its owner may read."""

    draft_bytes = 2 * PIECE_BYTES

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def draft(self, place: str, mime_type: str, disposition: str) -> Draft:
        return await asyncio.to_thread(_FolderDraft, self._drafts(place), self._kept(place))

    async def read(self, place: str, start: int, end: int) -> AsyncGenerator[bytes]:
        try:
            file = await asyncio.to_thread(self._kept(place).open, "rb", buffering=0)
        except FileNotFoundError:
            raise Gone(place) from None
        with file:
            file.seek(start)
            while start < end:
                piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, end - start))
                if not piece:
                    raise Gone(place)  # somebody has made the file shorter
                start += len(piece)
                yield piece

    async def delete(self, place: str) -> None:
        await asyncio.to_thread(self._delete, place)

    async def link(self, place: str, seconds: int) -> str | None:
        return None

    def _delete(self, place: str) -> None:
        with _typed():
            self._drafts(place).unlink(missing_ok=True)
            self._kept(place).unlink(missing_ok=True)

    def _drafts(self, place: str) -> Path:
        return self._folder / "drafts" / place

    def _kept(self, place: str) -> Path:
        return self._folder / "kept" / place


class _FolderDraft:
    def __init__(self, draft: Path, kept: Path) -> None:
        self._path, self._kept = draft, kept
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        with _typed():
            for folder in (draft.parent, kept.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._file: BinaryIO = os.fdopen(descriptor, "wb", buffering=0)

    async def write(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= PIECE_BYTES:  # a way to another thread for each packet would cost more than the disk
            await self._write_out()

    async def keep(self) -> None:
        await self._write_out()
        await asyncio.to_thread(self._move_into_place)

    async def discard(self) -> None:
        self._pieces.clear()
        await asyncio.to_thread(self._remove)

    async def _write_out(self) -> None:
        pieces, self._pieces, self._waiting_bytes = self._pieces, [], 0
        if pieces:
            await asyncio.to_thread(self._write_all, pieces)

    def _write_all(self, pieces: list[bytes]) -> None:
        with _typed():
            left = memoryview(b"".join(pieces))
            while left:
                left = left[self._file.write(left) :]

    def _move_into_place(self) -> None:
        with _typed():
            os.fsync(self._file.fileno())
            self._file.close()
            self._path.rename(self._kept)
            folder = os.open(self._kept.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _remove(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


@contextmanager
def _typed() -> Generator[None]:
    try:
        yield
    except OSError as failure:
        raise (DepotFull if is_full(failure) else DepotAway)(failure.strerror) from failure
