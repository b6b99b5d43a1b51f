"""Files and folders that are wholly there or not at all, whatever dies in between."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryFile


def sync_file(path: Path) -> None:
    """Return once the file's content, or the folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Return once everything below the folder is on disk."""
    for path, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync_file(Path(path, name))
        sync_file(Path(path))


def move_into_place(draft: Path, place: Path) -> None:
    """Give a synced draft its final name. The draft must be on the same disk."""
    draft.rename(place)
    sync_file(place.parent)


class Leftovers:
    """What stands in a folder and nobody names: somebody died over it, or is just about to give it a name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ahead = math.inf  # of the time since the machine was started
        self._now()

    def forget(self, kept: Collection[str], older_than_seconds: float, remove: Callable[[Path], None]) -> int:
        """Remove what stands there under no name of `kept`, and has for so long. Return how many went."""
        latest = self._now() - older_than_seconds
        unnamed = [path for path in self._folder.iterdir() if path.name not in kept]
        return sum(_remove_if_older(path, latest, remove) for path in unnamed)

    def _now(self) -> float:
        """Return what time it is for this folder's files. A clock that jumps ahead makes none of them old."""
        passed = time.monotonic()
        self._ahead = min(self._ahead, _time_of(self._folder) - passed)
        return self._ahead + passed


def _time_of(folder: Path) -> float:
    """Return what time it is where the folder is, which may be another machine."""
    try:
        with TemporaryFile(dir=folder) as newest:
            return os.fstat(newest.fileno()).st_mtime
    except OSError:  # the disk is full
        return time.time()


def _remove_if_older(path: Path, latest: float, remove: Callable[[Path], None]) -> bool:
    """Look at the age only now: the same may have been stored again while we were busy with the others."""
    try:
        if path.stat().st_mtime >= latest:
            return False
        remove(path)
    except OSError:  # gone already; or of another kind, which somebody has put there and is none of ours
        return False
    return True
