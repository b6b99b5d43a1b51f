"""Files and folders that are wholly there or not at all, whatever dies in between."""

from __future__ import annotations

import os
from pathlib import Path


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
