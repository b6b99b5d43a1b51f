"""Taking connections in: many in one turn of the event loop.

uvloop takes one a turn. When a turn is long because there is much to do, whoever comes new would wait for as many turns
as there are connections before theirs; that is seconds, however little they ask.

Where several processes share the socket, each does take one a turn: with more, one of them would take most of all that
come at the same moment (of 256 connections 217 with 64 a turn, 175 with four, 147 with one).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress

CONNECTIONS_A_TURN = 64
PAUSE_SECONDS = 1.0  # when we have as many open files as we may
_NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Door:
    """An open door. `close` it to take no more connections; those that are in stay."""

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        connections_a_turn: int = CONNECTIONS_A_TURN,
    ) -> None:
        self._listener = listener
        self._connections_a_turn = connections_a_turn
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._coming_in: set[asyncio.Task[object]] = set()
        listener.setblocking(False)
        self._open()

    def close(self) -> None:
        if self._listener.fileno() != -1:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    def _open(self) -> None:
        if self._listener.fileno() != -1:
            self._loop.add_reader(self._listener, self._take_in)

    def _take_in(self) -> None:
        for _ in range(self._connections_a_turn):
            try:
                connection, _ = self._listener.accept()
            except OSError as reason:  # nobody is left, or was quicker, or hung up; or we have no room
                if reason.errno in _NO_MORE:
                    self._loop.remove_reader(self._listener)
                    self._loop.call_later(PAUSE_SECONDS, self._open)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._let_in(connection))
            self._coming_in.add(task)
            task.add_done_callback(self._coming_in.discard)

    async def _let_in(self, connection: socket.socket) -> None:
        with suppress(OSError):  # it has hung up already
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
