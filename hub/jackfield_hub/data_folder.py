"""The folder that holds all a hub knows: made for its owner alone, and used by one hub at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class DataFolderMistake(Exception):
    """The folder cannot be used; the message names it and says what to do."""


@contextmanager
def own(folder: Path) -> Generator[None]:
    """Make the folder if need be and keep every other hub out of it until the block ends.

    Raises DataFolderMistake. The lock is the kernel's: it is gone with the process, however that ends.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "hub.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as reason:
        raise DataFolderMistake(f"{folder} cannot be written: {reason.strerror}; choose another with --data") from None
    try:
        _lock(folder, lock)
        yield
    finally:
        os.close(lock)


def _lock(folder: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        process_id = os.pread(lock, 32, 0).decode(errors="replace").strip()
        raise DataFolderMistake(
            f"{folder} is in use by another hub (process {process_id}); stop it, or choose another folder with --data"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def write_secret(path: Path, content: bytes) -> None:
    """Write a file only its owner may read: wholly or not at all, and on the disk when this returns."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
