"""Asks the name server, remembers the answer for a while, and asks once when many want to know."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from jackfield.egress.limits import Limits
from jackfield.errors import NoAnswer, TimedOut

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Give the addresses of a host, as texts. Raises OSError when there are none."""

_MAX_REMEMBERED = 10_000


async def system_resolver(host: str, port: int) -> list[str]:
    """Return the addresses as the operating system knows them; every name under `localhost` is this machine."""
    if host.endswith(".localhost"):  # RFC 6761 §6.3: a name server need not be asked, and many do not know it
        return ["127.0.0.1"]
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in answers))


class AddressBook:
    """The addresses of hosts. It decides nothing: every user checks every address against its own policy."""

    def __init__(self, resolve: Resolve, limits: Limits) -> None:
        self._resolve = resolve
        self._limits = limits
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[tuple[str, ...]]] = {}

    def known(self, host: str, port: int) -> tuple[str, ...] | None:
        """Return the addresses of a host that we have asked for a moment ago."""
        known = self._known.get((host, port))
        return known[1] if known and time.monotonic() < known[0] else None

    async def find(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses of a host. Raises NoAnswer when it has none, TimedOut when nobody says."""
        known = self.known(host, port)
        if known is not None:
            return known
        task = self._asking.get((host, port))
        if task is None:
            task = self._asking[host, port] = asyncio.create_task(self._ask(host, port))
            task.add_done_callback(lambda done: self._forget_task((host, port), done))
        return await asyncio.shield(task)

    def _forget_task(self, key: tuple[str, int], task: asyncio.Task[tuple[str, ...]]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waited got it; nobody may be waiting any more

    async def _ask(self, host: str, port: int) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(self._limits.resolve_seconds):
                addresses = tuple(await self._resolve(host, port))
        except TimeoutError:
            raise TimedOut(f"The name server did not say in time where {host} is. Try again later.") from None
        except (OSError, UnicodeError):
            addresses = ()
        if not addresses:
            raise NoAnswer(f"There is no host called {host}. Check how its name is spelled.")
        self._remember(host, port, addresses)
        return addresses

    def _remember(self, host: str, port: int, addresses: tuple[str, ...]) -> None:
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known[host, port] = (time.monotonic() + self._limits.resolved_seconds, addresses)

    async def close(self) -> None:
        for task in list(self._asking.values()):
            task.cancel()
