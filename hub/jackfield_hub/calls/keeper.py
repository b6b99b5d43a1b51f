"""Stores in the background what calls leave behind beside the ledger: they never wait for it.

    something comes ─→ a little later all that has come ─→ stored, one transaction for each organization

What waits is lost with the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sized
from contextlib import suppress
from typing import Generic, TypeVar

from jackfield_hub.logs import describe, log

Batch = TypeVar("Batch", bound=Sized)


class Keeper(Generic[Batch]):
    """Hands over what waits to be stored. Close it with `await close()`.

    `collect()` gives all that waits, by organization, and forgets it: `{"org-1": […]}`. `store` takes what is one
    organization's; `lose`, if given, hears of what could not be stored.
    """

    def __init__(
        self,
        name: str,
        gather_seconds: float,
        collect: Callable[[], Mapping[str, Batch]],
        store: Callable[[str, Batch], Awaitable[None]],
        lose: Callable[[Batch], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._gather_seconds = gather_seconds
        self._collect = collect
        self._store = store
        self._lose = lose
        self._wake, self._closing = asyncio.Event(), asyncio.Event()
        self._keeping = asyncio.create_task(self._keep_until_closed(), name=name)

    def wake(self) -> None:
        """Something has come."""
        self._wake.set()

    async def close(self) -> None:
        """Store what waits, then stop."""
        self._closing.set()
        self._wake.set()
        await self._keeping

    async def _keep_until_closed(self) -> None:
        while not self._closing.is_set():
            await self._wake.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_seconds):
                    await self._closing.wait()
            self._wake.clear()
            await self._store_all()
        await self._store_all()  # what came while the last was stored

    async def _store_all(self) -> None:
        for organization_id, batch in self._collect().items():
            try:
                await self._store(organization_id, batch)
            except Exception as failure:  # whatever it is, what others have left, and what comes later, shall be kept
                self._lose(batch)
                log.warning(f"{self._name}_not_kept", waited=len(batch), **describe(failure))
