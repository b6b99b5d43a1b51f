"""Where the ledger's writer is found: at a socket in the data folder."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

SOCKET = "ledger.sock"
BACKLOG = 64


def listen(folder: Path) -> socket.socket:
    """Return a new socket on which the writer is found. It outlives the writer: what is said meanwhile waits."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    (folder / SOCKET).unlink(missing_ok=True)
    with _address(folder) as address:
        listener.bind(address)
    listener.listen(BACKLOG)
    return listener


async def connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a line to the writer, even while it is being replaced. Raises OSError."""
    with _address(folder) as address:
        return await asyncio.open_unix_connection(address)


@contextmanager
def _address(folder: Path) -> Generator[str]:
    """Give the path of the socket: a short one, because the kernel takes no more than about a hundred characters."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = Path("/proc/self/fd", str(descriptor))
        yield str((short if short.exists() else folder) / SOCKET)
    finally:
        os.close(descriptor)
