"""The sources that were sent, each kept once under the digest of its content."""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import Collection
from pathlib import Path
from uuid import uuid4

from jackfield_hub.contents.service import Contents
from jackfield_hub.deployments.archive import Archive
from jackfield_hub.deployments.durable import Leftovers, move_into_place, sync_file

_SAME_DATE = (1980, 1, 1, 0, 0, 0)  # the same files give the same bytes, whenever they were packed
_PLAIN_FILE = 0o100644 << 16
_DRAFT_ENDING = ".draft"


class Sources:
    """A folder of `<64 hex digits>.zip`. A digest is "sha256:" and those digits."""

    def __init__(self, folder: Path, contents: Contents | None = None) -> None:
        self.folder = folder
        self._contents = contents
        folder.mkdir(parents=True, exist_ok=True)
        self._leftovers = Leftovers(folder)

    def path(self, digest: str) -> Path:
        return self.folder / f"{digest.removeprefix('sha256:')}.zip"

    def store(self, archive: Archive) -> str:
        """Keep the files of a checked archive, and nothing else of it. Return the digest; then it is on disk."""
        draft = self.folder / f"{uuid4()}{_DRAFT_ENDING}"
        try:
            _write_canonical(archive, draft)
            digest = f"sha256:{_digest(draft)}"
            sync_file(draft)
            move_into_place(draft, self.path(digest))
        finally:
            draft.unlink(missing_ok=True)
        return digest

    async def share(self, digest: str) -> None:
        """Have other hubs find it, where there are others."""
        if self._contents is not None:
            await self._contents.keep(digest, self.path(digest))

    async def find(self, digest: str) -> bytes:
        """Return the zip of this digest; it may be another hub that has taken it in. Raises FileNotFoundError."""
        try:
            return await asyncio.to_thread(self.read, digest)
        except FileNotFoundError:
            if self._contents is None:
                raise
        draft = self.folder / f"{uuid4()}{_DRAFT_ENDING}"
        try:
            if await self._contents.fetch(digest, draft):
                draft.rename(self.path(digest))
        finally:
            draft.unlink(missing_ok=True)
        return await asyncio.to_thread(self.read, digest)

    def read(self, digest: str) -> bytes:
        """Return the zip of this digest. Raises FileNotFoundError when it is not there or not what it was."""
        data = self.path(digest).read_bytes()
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise FileNotFoundError(digest)
        return data

    def forget_orphans(self, kept: Collection[str], older_than_seconds: float) -> int:
        """Remove drafts, and sources no deployment names, that have been there for so long. Return how many."""
        names = {self.path(digest).name for digest in kept}
        return self._leftovers.forget(names, older_than_seconds, Path.unlink)


def _write_canonical(archive: Archive, draft: Path) -> None:
    with zipfile.ZipFile(draft, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for path, content in archive.contents():
            entry = zipfile.ZipInfo(path, _SAME_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _PLAIN_FILE
            packed.writestr(entry, content)
    draft.chmod(0o600)


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
