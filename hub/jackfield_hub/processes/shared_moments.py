"""When each bucket of the request limits will be full again, in memory that all processes of a hub share.

    key ─▶ hash ─▶ eight neighbouring slots: one of them is this key's, or else the one that is full longest becomes it

A divided limit would be none of what is documented: whoever keeps one connection would have a part of it only. So all
take from the same buckets, one after the other; the kernel frees the lock of who dies while holding it.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

SLOTS = 1 << 16
NEIGHBOURS = 8
_SLOT = struct.Struct("<Qd")  # hash, moment
_NEIGHBOURHOOD = struct.Struct("<" + "Qd" * NEIGHBOURS)
_BYTES = (SLOTS + NEIGHBOURS) * _SLOT.size


def make_memory() -> int:
    """Return the descriptor of such memory, empty."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("jackfield-limits")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, _BYTES)
    return descriptor


class SharedMoments:
    """The memory behind this descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _BYTES)

    def turn(self) -> AbstractContextManager[object]:
        return self._locked()

    @contextmanager
    def _locked(self) -> Generator[None]:
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def find(self, key: str) -> float:
        return self._look(key)[1]

    def keep(self, key: str, moment: float) -> None:
        place, _ = self._look(key)
        _SLOT.pack_into(self._memory, place, _hash(key), moment)

    def _look(self, key: str) -> tuple[int, float]:
        """Return where this key has its slot, and its moment; for a new one where it may have one, and 0.0."""
        wanted = _hash(key)
        first = wanted % SLOTS * _SLOT.size
        slots = _NEIGHBOURHOOD.unpack_from(self._memory, first)
        hashes, moments = slots[::2], slots[1::2]
        if wanted in hashes:
            number = hashes.index(wanted)
            return first + number * _SLOT.size, moments[number]
        return first + moments.index(min(moments)) * _SLOT.size, 0.0


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) or 1
