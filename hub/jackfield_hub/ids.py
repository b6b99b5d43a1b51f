"""Ids nobody has used: random ones, and such whose order is the order of time."""

from __future__ import annotations

import os
import time

_BUFFERED_BYTES = 4096  # asking the operating system each time takes as long as all the rest of making an id

_buffer = b""
_used = 0


def random_bytes(count: int) -> bytes:
    """Return so many random bytes of the operating system, for ids: not for keys and tokens, which ask it themselves.

    Belongs to the thread that serves requests.
    """
    global _buffer, _used  # noqa: PLW0603 - one buffer a process
    if _used + count > len(_buffer):
        _buffer, _used = os.urandom(_BUFFERED_BYTES), 0
    _used += count
    return _buffer[_used - count : _used]


def new_uuid7() -> str:
    """Return a UUID of version 7, for example `019ab2c4-7d10-7c3e-9f5b-0a6d1e2f3a4b`. The newest rows lie together."""
    milliseconds = time.time_ns() // 1_000_000
    digits = f"{milliseconds:012x}7{random_bytes(10).hex()}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def _forget() -> None:
    global _buffer, _used
    _buffer, _used = b"", 0


os.register_at_fork(after_in_child=_forget)  # parent and child would go on with the same bytes
