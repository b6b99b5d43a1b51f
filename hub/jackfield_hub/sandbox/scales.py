"""Refuses outputs that are too large, before they cost more than they should."""

from __future__ import annotations

import resource
from typing import Any, cast

from jackfield.errors import TooLarge
from jackfield.exchange import JsonObject

# A text of that many limits orjson can still write, whatever else such a process holds.
ROOM = 4


class Scales:
    """Weighs what the operations of one worker put out. Make it when the connector is loaded."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._most_memory = _peak_bytes() + max_bytes * ROOM

    def weigh(self, output: JsonObject | bytes) -> None:
        """Raise TooLarge for JSON text above the limit, and for an output that has a longer text in it.

        orjson asks for eight times a text's length at once, and crashes when it does not get it. To look for such a
        text takes a while, so we look only where there may be one: after the process has grown by several limits.
        """
        if isinstance(output, bytes):
            is_too_large = len(output) > self._max_bytes
        else:
            is_too_large = _peak_bytes() > self._most_memory and self._has_giant(output)
        if is_too_large:
            raise TooLarge(f"The output is larger than {self._max_bytes} bytes: ask for less at once.")

    def _has_giant(self, output: Any) -> bool:
        level: list[Any] = [output]
        while level:
            if any(isinstance(item, str) and len(item) > self._max_bytes for item in level):
                return True
            level = [child for item in level for child in _children(item)]
        return False


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*cast("dict[Any, Any]", item).values()]
    return [*cast("list[Any]", item)] if isinstance(item, list | tuple) else []


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
