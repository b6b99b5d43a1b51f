"""What a connector prints, kept for its author."""

from __future__ import annotations

import io
import os
import sys
import threading
from contextlib import suppress

STDERR = 2


class Prints(io.TextIOBase):
    """Stands in for stdout and stderr. Keeps what each thread prints between `start` and `take`, up to a limit.

    What other threads print goes to the real stderr: a pipe of 64 KiB that nobody waits for.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._of_thread = threading.local()

    def replace_streams(self) -> None:
        sys.stdout = sys.stderr = self

    def start(self) -> None:
        self._of_thread.texts = []
        self._of_thread.room = self._max_bytes

    def take(self) -> str:
        """Return what this thread printed since `start`; says so when there was more."""
        texts: list[str] = self._of_thread.texts
        if self._of_thread.room < 0:
            texts.append(f"\n[the log was cut at {self._max_bytes} bytes]\n")
        self._of_thread.texts = None
        return "".join(texts)

    def write(self, text: str, /) -> int:
        texts: list[str] | None = getattr(self._of_thread, "texts", None)
        if texts is None:
            # The pipe does not block; what does not fit is lost.
            with suppress(OSError):
                os.write(STDERR, text.encode("utf-8", errors="replace"))
        elif self._of_thread.room >= 0:
            texts.append(text[: self._of_thread.room])
            self._of_thread.room -= len(text.encode("utf-8", errors="replace"))
        return len(text)

    def writable(self) -> bool:
        return True
