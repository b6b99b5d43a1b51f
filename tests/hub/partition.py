"""A wire between a hub and its Postgres, which can be cut: nobody is told, nothing comes through any more."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SOCKET = ".s.PGSQL.5432"


class Wire:
    """Carries bytes both ways while it is whole. What is said while it is cut arrives once it is mended."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._server = Path(parse_qs(urlsplit(database_url).query)["host"][0]) / SOCKET
        self.folder = folder
        self.url = f"{database_url.partition('?')[0]}?host={folder}"
        self._is_whole = asyncio.Event()
        self._is_whole.set()

    def cut(self) -> None:
        self._is_whole.clear()

    def mend(self) -> None:
        self._is_whole.set()

    async def carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        with suppress(asyncio.CancelledError):  # the test is over
            await self._is_whole.wait()
            server, to_server = await asyncio.open_unix_connection(self._server)
            await asyncio.gather(self._pump(client, to_server), self._pump(server, to_client))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while said := await source.read(65536):
                await self._is_whole.wait()
                target.write(said)
                await target.drain()
        await self._is_whole.wait()
        target.close()


@asynccontextmanager
async def wire_to(database_url: str) -> AsyncGenerator[Wire]:
    """Give a wire to this database; `wire.url` is where a hub finds it."""
    folder = Path(tempfile.mkdtemp(prefix="wire-"))  # a short path: sockets' names have to be
    wire = Wire(folder, database_url)
    server = await asyncio.start_unix_server(wire.carry, folder / SOCKET)
    try:
        yield wire
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
