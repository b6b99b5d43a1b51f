"""The folder that holds all a hub knows: readable by its owner alone, and used by one hub at a time.

Where the hub is root, its workers are users of their own. They may pass through the folder, without seeing what is in
it, to the bundles; keys, tokens and databases stay root's.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from jackfield_hub.full_disk import is_full


class DataFolderMistake(Exception):
    """The folder cannot be used; the message names it and says what to do."""


@contextmanager
def own(folder: Path) -> Generator[int]:
    """Make the folder if need be and keep every other hub out of it until the block ends.

    Gives the descriptor of the lock. The lock is the kernel's: it is gone with the process, however that ends, and with
    all others that were given the descriptor. Raises DataFolderMistake.
    """
    make(folder)
    try:
        let_workers_pass(folder)
        lock = os.open(folder / "hub.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as reason:
        raise _cannot_be_written(folder, reason) from None
    try:
        _lock(folder, lock)
        yield lock
    finally:
        os.close(lock)


def make(folder: Path) -> None:
    """Have the folder be there. Raises DataFolderMistake."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as reason:
        raise _cannot_be_written(folder, reason) from None


def _lock(folder: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        process_id = os.pread(lock, 32, 0).decode(errors="replace").strip()
        raise DataFolderMistake(
            f"{folder} is in use by another hub (process {process_id}); stop it, or choose another folder with --data"
        ) from None
    os.ftruncate(lock, 0)
    try:
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as reason:
        raise _cannot_be_written(folder, reason) from None


def _cannot_be_written(folder: Path, reason: OSError) -> DataFolderMistake:
    hint = "make room there" if is_full(reason) else "choose another with --data"
    return DataFolderMistake(f"{folder} cannot be written: {reason.strerror}; {hint}")


def let_workers_pass(*folders: Path) -> None:
    """Let workers through these folders of ours, where they are other users than we are."""
    if not os.geteuid():
        for folder in folders:
            folder.chmod(0o711)


def let_workers_read(tree: Path) -> None:
    """Let workers read all that is below this folder of ours, where they are other users than we are."""
    if os.geteuid():
        return
    for parent, _, names in os.walk(tree):
        Path(parent).chmod(0o755)
        for file in (Path(parent, name) for name in names):
            if not file.is_symlink():  # a bundle with one is refused later; until then it must not lead us elsewhere
                file.chmod(0o644)


def hub_id(folder: Path) -> str:
    """Return what the hub of this folder is called among hubs that share a database; the first time, a new name."""
    file = folder / "hub.id"
    if not file.exists():
        write_secret(file, str(uuid.uuid4()).encode())
    return file.read_text()


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
