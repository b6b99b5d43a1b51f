"""Which calls are running: a file for each process that survives it, so that even kill -9 leaves a trace of each call.

    call begins ─→ its slot says what the ledger shall say if nobody hears of it again
    call is recorded ─→ its slot is empty
    hub starts ─→ what stands in the files of dead processes becomes tasks of unknown outcome

A slot is memory that belongs to the kernel: nobody waits for a disk, and a power cut may lose it. To write there takes
no system call, in which the threads of a busy process would take the interpreter away from the one that answers. A
living process holds a lock on its file, which the kernel takes away whatever way it dies.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import time
import uuid
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from jackfield_hub.calls.shapes import Task, TaskOutcome

FOLDER = "running"
SLOTS = 2048
SLOT_BYTES = 1024
LENGTH_BYTES = 4
MAKING_SECONDS = 600.0  # no process takes that long to make its file
_EMPTY = bytes(LENGTH_BYTES)

# Linux's ioctl on the attributes of a file, and "write in place" (chattr +C), for file systems that would not.
_GET_ATTRIBUTES, _SET_ATTRIBUTES, _IN_PLACE = 0x80086601, 0x40086602, 0x00800000


class Running:
    """The file of this process. Where it cannot be made, that is an OSError, and calls go on without."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{uuid.uuid4()}.calls"
        self._free = list(range(SLOTS))
        beginning = self._path.with_suffix(".new")
        with ExitStack() as undo:
            self._file = os.open(beginning, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            undo.callback(os.close, self._file)
            undo.callback(beginning.unlink)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            _write_in_place(self._file)
            _fill(self._file)
            self._slots = mmap.mmap(self._file, SLOTS * SLOT_BYTES)
            beginning.rename(self._path)  # whoever looks for files of the dead finds it locked
            undo.pop_all()

    def begin(self, task: Task) -> int | None:
        """Note a call that begins; return its slot, or None when there is none for it."""
        text = orjson.dumps(task)
        if not self._free or len(text) > SLOT_BYTES - LENGTH_BYTES:
            return None
        slot = self._free.pop()
        start = slot * SLOT_BYTES
        # The length comes last: what is half written when we die is not there.
        self._slots[start + LENGTH_BYTES : start + LENGTH_BYTES + len(text)] = text
        self._slots[start : start + LENGTH_BYTES] = len(text).to_bytes(LENGTH_BYTES)
        return slot

    def end(self, slot: int | None) -> None:
        """The call is in the ledger, or was not run."""
        if slot is not None:
            start = slot * SLOT_BYTES
            self._slots[start : start + LENGTH_BYTES] = _EMPTY
            self._free.append(slot)

    def close(self, *, is_all_recorded: bool) -> None:
        """Remove the file, or leave it to whoever starts next."""
        if is_all_recorded and len(self._free) == SLOTS:
            self._path.unlink(missing_ok=True)
        self._slots.close()
        os.close(self._file)


def _write_in_place(file: int) -> None:
    """Ask a file system that writes changes elsewhere (Btrfs) not to: a full disk would have no room for those."""
    with suppress(OSError):
        attributes = int.from_bytes(fcntl.ioctl(file, _GET_ATTRIBUTES, bytes(8)), sys.byteorder)
        fcntl.ioctl(file, _SET_ATTRIBUTES, (attributes | _IN_PLACE).to_bytes(8, sys.byteorder))


def _fill(file: int) -> None:
    """Take all the room at once: memory of a file that has no room for it kills whoever writes there.

    The last room of a disk is given without a word that it was less than asked for; who asks for the rest is told.
    """
    missing = SLOTS * SLOT_BYTES
    while missing:
        missing -= os.write(file, bytes(missing))


@contextmanager
def left_behind(folder: Path) -> Generator[list[Task]]:
    """Give the calls that processes were running when they died. They are forgotten when the block ends well."""
    taken = [(path, file) for path in folder.glob("*.calls") if (file := _take(path)) is not None]
    try:
        yield [task for _, file in taken for task in _tasks(file)]
        for path, _ in taken:
            path.unlink(missing_ok=True)
        _remove_unfinished(folder)
    finally:
        for _, file in taken:
            os.close(file)


def _remove_unfinished(folder: Path) -> None:
    """Remove the files of processes that died while they made them: there never was a call in one."""
    for path in folder.glob("*.new"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > MAKING_SECONDS:
                path.unlink()


def _take(path: Path) -> int | None:
    """Return the open file of a dead process; None for that of a living one."""
    with suppress(FileNotFoundError):
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            return file
    return None


def _tasks(file: int) -> Generator[Task]:
    for start in range(0, os.fstat(file).st_size, SLOT_BYTES):
        slot = os.pread(file, SLOT_BYTES, start)
        size = int.from_bytes(slot[:LENGTH_BYTES])
        with suppress(ValueError, TypeError, KeyError):  # half written, when the power went
            if size:
                fields: dict[str, Any] = orjson.loads(slot[LENGTH_BYTES : LENGTH_BYTES + size])
                fields["outcome"] = TaskOutcome(fields["outcome"])
                yield Task(**fields)
