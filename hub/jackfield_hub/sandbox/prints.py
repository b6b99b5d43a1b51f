"""What a connector prints, kept for its author."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

STDERR = 2


@dataclass
class _Sheet:
    room: int
    texts: list[str] = field(default_factory=list[str])
    is_open: bool = True


_SHEET: ContextVar[_Sheet] = ContextVar("sheet")


class Prints(io.TextIOBase):
    """Stands in for stdout and stderr. Keeps what each call prints between `start` and `take`, up to a limit.

    A call is known by its context: that of its thread, or of its task and the tasks it starts. What is printed
    elsewhere goes to the real stderr: a pipe of 64 KiB that nobody waits for.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def replace_streams(self) -> None:
        sys.stdout = sys.stderr = self

    def start(self) -> None:
        _SHEET.set(_Sheet(self._max_bytes))

    def take(self) -> str:
        """Return what this call printed since `start`; says so when there was more."""
        sheet = _SHEET.get()
        sheet.is_open = False
        if sheet.room < 0:
            sheet.texts.append(f"\n[the log was cut at {self._max_bytes} bytes]\n")
        return "".join(sheet.texts)

    def write(self, text: str, /) -> int:
        sheet = _SHEET.get(None)
        if sheet is None or not sheet.is_open:
            # The pipe does not block; what does not fit is lost.
            with suppress(OSError):
                os.write(STDERR, text.encode("utf-8", errors="replace"))
        elif sheet.room >= 0:
            sheet.texts.append(text[: sheet.room])
            sheet.room -= len(text.encode("utf-8", errors="replace"))
        return len(text)

    def writable(self) -> bool:
        return True
