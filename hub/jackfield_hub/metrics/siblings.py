"""The numbers of a hub that runs as several processes: each tells the others, and whoever is asked answers for all.

    api 1 ── what it has counted, every second ──▶ api 2        GET /metrics ──▶ api 2: its own, and what it has heard

Nothing of this happens unless /metrics is open. Who says nothing for a while is left out, like one that has ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from jackfield.exchange import JsonObject

if TYPE_CHECKING:
    from jackfield_hub.hub import Hub

TELL_SECONDS = 1.0
STALE_SECONDS = 10.0


class Siblings:
    """What other processes have told. `{"process": "api 2", "families": [[name, about, kind, samples], …]}`."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, list[Any]]] = {}

    def hear(self, told: JsonObject) -> None:
        self._told[told["process"]] = (time.monotonic(), told["families"])

    def fresh(self) -> dict[str, list[Any]]:
        """Return the families of those that have told them lately, by process."""
        since = time.monotonic() - STALE_SECONDS
        return {process: families for process, (at, families) in self._told.items() if at > since}


@asynccontextmanager
async def telling(hub: Hub, tell: Callable[[JsonObject], None]) -> AsyncGenerator[None]:
    """Tell the other processes our numbers while the block runs, if anybody may read them."""
    if not hub.settings.metrics_token.get_secret_value():
        yield
        return
    telling = asyncio.create_task(_tell(hub, tell), name="numbers")
    try:
        yield
    finally:
        telling.cancel()


async def _tell(hub: Hub, tell: Callable[[JsonObject], None]) -> None:
    families = await asyncio.to_thread(_families)
    while True:
        tell({"process": hub.process, "families": families.to_json(families.of_process(hub))})
        await asyncio.sleep(TELL_SECONDS)


def _families() -> Any:
    # As in routes.py: Prometheus' library is for those who use it.
    from jackfield_hub.metrics import families

    return families
