"""Things many ask for at the same moment, done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Landed = TypeVar("Landed")
Key = tuple[str, ...]


class Flights(Generic[Landed]):
    """Whoever comes while one is under way waits for that one. It goes on when those who wait give up."""

    def __init__(self) -> None:
        self._under_way: dict[Key, asyncio.Task[Landed]] = {}

    async def join(
        self, key: Key, start: Callable[[], Coroutine[Any, Any, Landed]], seconds: float | None = None
    ) -> Landed:
        """Return what comes of it. Raises what the flight raises, and TimeoutError after so many seconds, if said."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = asyncio.create_task(start())
            flight.add_done_callback(lambda done: self._land(key, done))
        async with asyncio.timeout(seconds):
            return await asyncio.shield(flight)

    async def end(self, seconds: float) -> None:
        """Let those under way arrive, for at most so many seconds."""
        flights = list(self._under_way.values())
        if flights:
            _, late = await asyncio.wait(flights, timeout=seconds)
            for flight in late:
                flight.cancel()

    def _land(self, key: Key, flight: asyncio.Task[Landed]) -> None:
        del self._under_way[key]
        if not flight.cancelled():
            flight.exception()  # somebody has seen it, or nobody waits any more
