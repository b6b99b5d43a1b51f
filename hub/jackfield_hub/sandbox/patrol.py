"""Goes round the workers of a pool all the time: ends who holds too much, puts behind who computes too much."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jackfield.errors import OperationError, OutOfMemory, OutOfScratch
from jackfield.runner import NO_MEMORY, NO_SCRATCH
from jackfield_hub.sandbox.keeper import Keeper
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.link import WorkerLink
from jackfield_hub.sandbox.scratch import Scratch
from jackfield_hub.sandbox.watch import Seen, Watch


class Patrol:
    """`find` gives the link of a worker that is not gone yet."""

    def __init__(
        self, limits: Limits, keeper: Keeper, scratch: Scratch, find: Callable[[int], WorkerLink | None]
    ) -> None:
        self._limits = limits
        self._keeper = keeper
        self._scratch = scratch
        self._find = find
        self.may_reorder = False  #: whether workers can be put behind others and brought back; known once it walks

    async def walk(self) -> None:
        """Never return."""
        watch = await asyncio.to_thread(Watch, self._limits.busy_share)
        self.may_reorder = watch.may_reorder
        while True:
            await asyncio.sleep(self._limits.look_seconds)
            first, workers = self._keeper.pid, self._keeper.workers
            if not first or not workers:
                continue
            loaded = {worker for worker in workers if (link := self._find(worker)) and link.is_loaded}
            for worker, excess in await asyncio.to_thread(self._go_round, watch, first, workers, loaded):
                link = self._find(worker)
                if link is not None:
                    link.expel(excess)

    def _go_round(
        self, watch: Watch, first: int, workers: dict[int, int], loaded: set[int]
    ) -> list[tuple[int, OperationError]]:
        """Put the workers in order; return who has to go, and why."""
        seen = watch.look(first, workers)
        watch.put_in_order(one for one in seen if one.worker in loaded)  # to import takes what it takes
        return [(one.worker, excess) for one in seen if (excess := self._excess(one))]

    def _excess(self, seen: Seen) -> OperationError | None:
        if seen.resident_bytes > self._limits.resident_bytes:
            return OutOfMemory(f"{NO_MEMORY} Its process held {seen.resident_bytes >> 20} MiB and was ended.")
        return OutOfScratch(NO_SCRATCH) if self._scratch.is_too_full(seen.worker) else None
