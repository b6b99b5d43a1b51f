"""Where the lines of the log go: to stderr, and nobody who serves a request waits for whoever reads it.

put ─→ waiting, up to a limit ─→ one thread: many lines, one write ─→ stderr
         └─ full, because nobody reads: the line is lost, and counted
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque

import orjson

MAX_WAITING = 20_000  # lines; a few megabytes
GATHER_SECONDS = 0.05
PATIENCE_SECONDS = 2.0  # in the end, with a reader that has stopped reading


class Lines:
    """Writes at once, to what stderr is at that moment, until `write_behind` is called."""

    def __init__(self) -> None:
        self.lost = 0  #: since the process began
        self._waiting: deque[bytes] = deque()
        self._thread: threading.Thread | None = None
        self._descriptor = 2
        self._has_some = threading.Event()
        self._is_over = False

    def put(self, line: bytes) -> None:
        """Write a line, which has its line break, or leave it to the thread."""
        if self._thread is None:
            sys.stderr.write(line.decode())
        elif len(self._waiting) >= MAX_WAITING:
            self.lost += 1
        else:
            self._waiting.append(line)
            if not self._has_some.is_set():
                self._has_some.set()

    def write_behind(self, descriptor: int = 2) -> None:
        """From now on leave the writing to a thread. A line is written a twentieth of a second later at the latest."""
        self._descriptor, self._is_over = descriptor, False
        self._thread = threading.Thread(target=self._write_until_over, name="log", daemon=True)
        self._thread.start()

    def catch_up(self) -> None:
        """Write what waits, unless nobody reads, and write at once from now on."""
        thread, self._is_over = self._thread, True
        if thread is not None:
            self._has_some.set()
            thread.join(PATIENCE_SECONDS)
            self._thread = None

    def _write_until_over(self) -> None:
        told = self.lost
        while not self._is_over or self._waiting:
            self._has_some.wait()
            if not self._is_over:
                time.sleep(GATHER_SECONDS)
            self._has_some.clear()  # before we look: a line that comes now sets it again
            content = b"".join([self._waiting.popleft() for _ in range(len(self._waiting))])
            if self.lost != told:
                content += (
                    orjson.dumps({"event": "log_lines_lost", "lines": self.lost - told, "level": "warning"}) + b"\n"
                )
                told = self.lost
            self._write(content)

    def _write(self, content: bytes) -> None:
        while content:
            try:
                content = content[os.write(self._descriptor, content) :]
            except OSError:  # nobody reads any more, or the disk is full
                self.lost += content.count(b"\n")
                return


lines = Lines()
