"""A hub that listens on a socket."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import cast

from uvicorn import Config, Server

from jackfield_hub.app import create_app
from jackfield_hub.door import CONNECTIONS_A_TURN, Door
from jackfield_hub.http_protocol import JackfieldProtocol, Patience
from jackfield_hub.hub import Hub
from jackfield_hub.listener import BACKLOG, url_of

DRAIN_LOOK_SECONDS = 0.01
LINGER_SECONDS = 0.25  # for whoever is about to send another request on a connection that is kept
LAST_WORDS_SECONDS = 1.0  # for those who were cut off, to be told so
TICK_SECONDS = 0.5  # how often the Date header is renewed, and slow clients are looked for
PATIENCE = Patience()


@asynccontextmanager
async def serving(hub: Hub, listener: socket.socket, patience: Patience = PATIENCE) -> AsyncGenerator[Server]:
    """Answer requests until the block ends, then finish what is running (at most `settings.drain_seconds`)."""
    _take_all_descriptors()
    hub.address = url_of(listener)
    server = Server(_config(hub))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[])
    door = Door(
        listener,
        lambda: JackfieldProtocol(server.config, server.server_state, server.lifespan.state, hub.numbers.count_refusal),
        1 if hub.process else CONNECTIONS_A_TURN,
    )
    cast("list[Door]", server.servers).append(door)  # which are closed before all else
    ticking = asyncio.create_task(_tick(server, patience))
    try:
        yield server
    finally:
        hub.is_draining = True
        await _drain(server, hub.settings.drain_seconds)
        ticking.cancel()


class Farewell:
    """How a hub stops serving: first it says so, then it takes no more connections, then it ends those that are idle.

    /readyz 503 ─ notice_seconds ─▶ no more connections ─ linger ─▶ the block of `serving` ends: no more work
    """

    def __init__(self) -> None:
        self._haste = asyncio.Event()
        self._server: Server | None = None

    def hurry(self) -> None:
        """Wait for nothing any more, not even for what is running."""
        self._haste.set()
        if self._server is not None:
            self._server.force_exit = True

    async def take(self, hub: Hub, server: Server, linger_seconds: float = LINGER_SECONDS) -> None:
        """Return when no client is surprised any more that the hub goes away."""
        self._server = server
        server.force_exit = self._haste.is_set()
        hub.is_leaving = True
        await self._wait(hub.settings.notice_seconds)
        for listening in server.servers:
            listening.close()
        for connection in list(server.server_state.connections):
            if isinstance(connection, JackfieldProtocol):
                connection.leave()
        give_up_at = time.monotonic() + linger_seconds
        while server.server_state.connections and time.monotonic() < give_up_at and not self._haste.is_set():  # noqa: ASYNC110
            await asyncio.sleep(DRAIN_LOOK_SECONDS)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._haste.wait()


def _take_all_descriptors() -> None:
    """Ask for as many open files and sockets as we may have: systems give far fewer to who does not ask."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # where "unlimited" may not be asked for
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _drain(server: Server, seconds: float) -> None:
    """Accept nothing more and answer what was asked; what takes longer than that is cut off.

    uvicorn's own way looks only ten times a second, and a hub starts and stops often: in every test.
    """
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    await _until_all_have_left(server, seconds)
    for task in list(server.server_state.tasks):
        task.cancel()
    for connection in list(server.server_state.connections):
        connection.transport.close()
    await _until_all_have_left(server, LAST_WORDS_SECONDS)


async def _until_all_have_left(server: Server, seconds: float) -> None:
    state, give_up_at = server.server_state, time.monotonic() + seconds
    while (state.connections or state.tasks) and time.monotonic() < give_up_at and not server.force_exit:  # noqa: ASYNC110
        await asyncio.sleep(DRAIN_LOOK_SECONDS)


def _config(hub: Hub) -> Config:
    return Config(
        create_app(hub),  # pyright: ignore[reportArgumentType] - the same protocol, in uvicorn's own types
        http=JackfieldProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
    )


async def _tick(server: Server, patience: Patience) -> None:
    ticks = 0
    while not await server.on_tick(ticks):
        for connection in list(server.server_state.connections):
            if isinstance(connection, JackfieldProtocol):
                connection.look(time.monotonic(), patience)
        await asyncio.sleep(TICK_SECONDS)
        ticks += 10  # uvicorn renews the header at every tenth
