"""Built connectors: immutable folders, each under the digest of everything in it.

bundles/<64 hex digits>/
    source/         the connector's files
    deps/           what it depends on
    manifest.json   what a worker said it can do
    bundle.json     how it was built: package, dependencies with their hashes, Python's version
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import zipfile
import zlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

from jackfield_hub.contents.service import Contents
from jackfield_hub.data_folder import let_workers_pass, let_workers_read
from jackfield_hub.deployments.durable import Leftovers, move_into_place, sync_tree

SOURCE, DEPENDENCIES, MANIFEST, RECORD = "source", "deps", "manifest.json", "bundle.json"
_PACKED = "bundle.zip"


class BundleChanged(Exception):
    """A stored bundle is not what it was when it was built, or is gone."""


class Bundles:
    """The folder of all bundles."""

    def __init__(self, folder: Path, contents: Contents | None = None) -> None:
        self.folder = folder
        self._contents = contents
        self._unchanged: dict[str, Path] = {}  # looked at since this process began, and where they are
        self._looking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        folder.mkdir(parents=True, exist_ok=True)
        self._leftovers = Leftovers(folder)
        let_workers_pass(folder)

    def path(self, digest: str) -> Path:
        """Return where the bundle of this digest ("sha256:" and 64 hex digits) is or would be."""
        return self.folder / digest.removeprefix("sha256:")

    def store(self, draft: Path) -> str:
        """Take a finished folder in, in one step, and return its digest. The folder may be gone from where it was."""
        digest = digest_of(draft)
        place = self.path(digest)
        sync_tree(draft)
        if place.is_dir() and digest_of(place) != digest:
            place.rename(draft.with_name(f"{draft.name}-damaged"))  # goes away with the work folder
        try:
            move_into_place(draft, place)
        except OSError:
            # The same source was built before, or by an attempt that was thought dead: then this is that bundle.
            if not place.is_dir() or digest_of(place) != digest:
                raise
            os.utime(place)
        self._unchanged[digest] = self.path(digest)
        return digest

    async def unchanged(self, digest: str) -> Path:
        """Return the folder of a bundle, to run what is in it. All of it is read the first time. Raises BundleChanged.

        Disks rot and people tidy up: what is run is what was checked when it was built.
        """
        if digest not in self._unchanged:
            async with self._looking[digest]:
                if digest not in self._unchanged:
                    await self._look_at(digest)
                    self._unchanged[digest] = self.path(digest)
            self._looking.pop(digest, None)
        return self._unchanged[digest]

    async def share(self, digest: str) -> None:
        """Have other hubs find a bundle, where there are others."""
        if self._contents is None:
            return
        async with self._draft() as draft:
            packed = draft / _PACKED
            await asyncio.to_thread(_pack, self.path(digest), packed)
            await self._contents.keep(digest, packed)

    async def _look_at(self, digest: str) -> None:
        """Make sure that a bundle is here and unchanged; or fetch it, where other hubs share theirs."""
        try:
            await asyncio.to_thread(self.verify, digest)
        except BundleChanged:
            if self._contents is None:
                raise
        else:
            return
        async with self._draft() as draft:
            packed, tree = draft / _PACKED, draft / "bundle"
            if await self._contents.fetch(digest, packed):
                await asyncio.to_thread(_unpack, packed, tree)
                await asyncio.to_thread(self._take_in, digest, tree)
        await asyncio.to_thread(self.verify, digest)

    def _take_in(self, digest: str, tree: Path) -> None:
        """Put a fetched bundle in the place of what is missing or damaged. Raises BundleChanged."""
        if digest_of(tree) != digest:
            raise BundleChanged(digest)
        place = self.path(digest)
        if place.is_dir():
            place.rename(tree.with_name("damaged"))
        with suppress(OSError):  # another process on the same folder was quicker
            tree.rename(place)

    @asynccontextmanager
    async def _draft(self) -> AsyncGenerator[Path]:
        draft = self.folder / f"{uuid4()}.draft"
        await asyncio.to_thread(draft.mkdir)
        let_workers_pass(draft)
        try:
            yield draft
        finally:
            await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)

    def verify(self, digest: str) -> Path:
        """Return the folder of an unchanged bundle. Reads all of it. Raises BundleChanged."""
        place = self.path(digest)
        if not place.is_dir() or digest_of(place) != digest:
            raise BundleChanged(digest)
        return place

    def forget_orphans(self, kept: Collection[str], older_than_seconds: float) -> int:
        """Remove bundles no deployment names, that have been there for so long. Return how many."""
        names = {self.path(digest).name for digest in kept}
        return self._leftovers.forget(names, older_than_seconds, shutil.rmtree)


def digest_of(folder: Path) -> str:
    """Return "sha256:" and the digest over every file's path and digest.

    Raises BundleChanged when there is anything but plain files and folders.
    """
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in _files_of(folder)):
        with path.open("rb") as content:
            line = f"{name}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n"
        digest.update(os.fsencode(line))
    return f"sha256:{digest.hexdigest()}"


def _files_of(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise BundleChanged(f"{name} is neither a file nor a folder")
        yield from (Path(parent, name) for name in names)


def _pack(folder: Path, packed: Path) -> None:
    """Write a zip of a bundle. Folders are in it too: an empty one may be what a connector looks for."""
    with zipfile.ZipFile(packed, "x", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))


def _unpack(packed: Path, folder: Path) -> None:
    """Write what a zip holds. Raises BundleChanged when it is none."""
    try:
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folder)  # what names a path outside ends inside, and then the digest is another
    except (zipfile.BadZipFile, zlib.error):
        raise BundleChanged(packed.name) from None
    let_workers_read(folder)
