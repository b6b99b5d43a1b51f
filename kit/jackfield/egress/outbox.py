"""Requests that leave together.

A write to a socket wakes whoever reads at its other end. For a reader on the same machine that takes longer than all
the rest of the write, and it has read everything and sleeps again before the next request is ready: unless that one
comes right behind. But what waits for company is not worked on. So of the requests that one turn of the event loop
makes ready, a quarter waits for each other: while the third party works on these, we make the next.
"""

from __future__ import annotations

import asyncio

PART = 4
MOST = 16  # that leave together


class Outbox:
    """What is to be written in this turn of the event loop, of which it belongs to one.

    Nobody sees an answer before the request is written: the loop does in order what it has to do.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []
        self._this_turn = 0
        self._busy_turn = 0.0  #: how many a turn makes ready when there is much to do

    def put(self, transport: asyncio.WriteTransport, content: bytes) -> None:
        """Write this now, or later in this turn."""
        if not self._this_turn:
            asyncio.get_running_loop().call_soon(self._end_turn)
        self._this_turn += 1
        self._waiting.append((transport, content))
        if len(self._waiting) >= min(MOST, self._busy_turn // PART):
            self._write()

    def _end_turn(self) -> None:
        self._write()
        self._busy_turn = max(self._this_turn, 0.9 * self._busy_turn)
        self._this_turn = 0

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport, content in waiting:
            if not transport.is_closing():  # whoever wanted that may have given up
                transport.write(content)
