"""Taking away what is over: a job, as long as there is anything that will be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from jackfield_hub.database import EVERY_ORGANIZATION, Transaction
from jackfield_hub.hub import Hub
from jackfield_hub.jobs.service import Job
from jackfield_hub.logs import log

PAUSE_SECONDS = 300.0


@dataclass(frozen=True)
class Sweep:
    """One kind of sweeping. `what` is swept; `take_away` does it, and returns how much that was."""

    what: str
    take_away: Callable[[Hub], Awaitable[int]]
    is_any_left: Callable[[Transaction], Awaitable[bool]]

    @property
    def job(self) -> str:
        return f"sweep_{self.what}"

    def register(self, hub: Hub) -> None:
        """Let this process sweep."""
        hub.jobs.handler(self.job)(partial(self._run, hub))

    async def plan(self, hub: Hub, tx: Transaction) -> None:
        """Make sure that somebody sweeps, some minutes from now."""
        await hub.jobs.enqueue(tx, self.job, {}, dedupe="all", run_after=hub.clock() + PAUSE_SECONDS)

    async def _run(self, hub: Hub, job: Job) -> None:
        count = await self.take_away(hub)
        if count:
            log.info(f"{self.what}_swept", count=count)
        async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
            await job.finish(tx)
            if await self.is_any_left(tx):
                await self.plan(hub, tx)
