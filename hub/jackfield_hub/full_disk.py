"""How a disk says that it has no more room."""

from __future__ import annotations

import errno

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(failure: OSError) -> bool:
    """Say whether there was no room for what was to be written: the disk is full, or somebody's part of it."""
    return failure.errno in _FULL
