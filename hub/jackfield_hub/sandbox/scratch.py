"""Folders workers may write to in rung R2; in R1 each has a file system in memory instead."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from jackfield_hub.sandbox.namespaces import SCRATCH_BYTES, SCRATCH_FILES

BLOCK_BYTES = 512
PREFIX = "jackfield-scratch-"


class Scratch:
    """The folders of one pool, below the system's folder for temporary files.

    Not in the data folder: that one is closed to other users, and a worker is another user where the hub is root.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def open(self) -> None:
        """Make room, and clean up after hubs that were killed."""
        _remove_orphans()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._folder.chmod(0o711)

    @property
    def is_open(self) -> bool:
        return self._folder is not None

    def make(self, worker: int) -> str:
        """Return a new folder for this worker, or "" when the pool is not open: nobody needs one."""
        if self._folder is None:
            return ""
        folder = self._folder / str(worker)
        folder.mkdir(mode=0o700)
        return str(folder)

    def is_too_full(self, worker: int) -> bool:
        """Return whether a worker has written more, or more files, than it may. In R1 the kernel sees to that."""
        if self._folder is None:
            return False
        files, size = 0, 0
        for place, folders, names in os.walk(self._folder / str(worker)):
            files += len(folders) + len(names)
            for name in names:
                with suppress(OSError):
                    size += os.lstat(Path(place, name)).st_blocks * BLOCK_BYTES
            if files > SCRATCH_FILES or size > SCRATCH_BYTES:
                return True
        return False

    def remove(self, worker: int) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder / str(worker), ignore_errors=True)

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _remove_orphans() -> None:
    """Remove what hubs of ours that live no more have left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        with suppress(OSError):
            if folder.stat().st_uid == os.geteuid() and owner.isdecimal() and not Path("/proc", owner).exists():
                shutil.rmtree(folder, ignore_errors=True)
