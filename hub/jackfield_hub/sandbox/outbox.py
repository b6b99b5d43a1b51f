"""How a worker's threads share the one socket."""

from __future__ import annotations

import socket
import threading
from collections import deque

FULL = 32  # frames: more would keep the hub waiting


class Outbox:
    """Writes frames from many threads, several at a time.

    Whoever gets the lock writes everybody's frames in one go; the others just leave theirs and go on. One write per
    frame would cost more than all the rest of a call.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting: deque[bytes] = deque()
        self._lock = threading.Lock()

    def send(self, frame: bytes) -> None:
        """Write the frame, or leave it to the thread that is writing now."""
        self._waiting.append(frame)
        self.flush()

    def leave(self, frame: bytes) -> None:
        """Leave the frame for the next `flush`, which comes when nobody has anything else to do."""
        self._waiting.append(frame)
        if len(self._waiting) >= FULL:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        # Looking again after the release: a frame left while the writer was finishing would otherwise wait forever.
        while self._waiting and self._lock.acquire(blocking=False):
            try:
                self._write_all()
            finally:
                self._lock.release()

    def _write_all(self) -> None:
        frames: list[bytes] = []
        while self._waiting:
            frames.append(self._waiting.popleft())
        if frames:
            self._connection.sendall(frames[0] if len(frames) == 1 else b"".join(frames))
