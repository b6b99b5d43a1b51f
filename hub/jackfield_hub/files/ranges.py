"""Which bytes of a file somebody wants: `Range: bytes=0-499`."""

from __future__ import annotations

import re

from jackfield_hub.files.shapes import RangeOutside

_ONE_RANGE = re.compile(r"bytes=([0-9]{1,19})?-([0-9]{1,19})?", re.IGNORECASE)


def wanted_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last; None for all. Several ranges at once count as all.

    Raises RangeOutside.
    """
    found = _ONE_RANGE.fullmatch((header or "").strip())
    if not found or found[1] is found[2] is None:
        return None
    first = int(found[1]) if found[1] else max(0, size - int(found[2]))
    last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
    if found[1] and found[2] and int(found[2]) < int(found[1]):
        return None  # nonsense is passed over, as RFC 9110 asks
    if first > last:
        raise RangeOutside(f"The file has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return first, last + 1
