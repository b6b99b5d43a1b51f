"""Keeps a zygote running: finds the highest rung this host allows, and starts another zygote when one is lost."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable

from jackfield_hub.logs import log
from jackfield_hub.sandbox.failures import Overloaded, WorkerLost
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.launcher import Launcher, ZygoteLost

RESTART_SECONDS = 0.5
NOT_LINUX = (
    "connectors run on Linux only, and this is {}: run the hub in a Linux container or virtual machine. "
    "To write and test connectors you need no hub"
)


class Keeper:
    """The zygote of a pool. `on_ended(worker, status)` tells of a worker, `on_lost()` that all of them are gone."""

    def __init__(
        self, rung: Rung | None, lowest: Rung, on_ended: Callable[[int, int], None], on_lost: Callable[[], None]
    ) -> None:
        self.rung = rung
        self.rung_reason = ""  #: why it is not the highest, in the words of the host
        self._wanted = rung
        self._lowest = lowest
        self._on_ended = on_ended
        self._on_lost = on_lost
        self._launcher: Launcher | None = None
        self._is_up = asyncio.Event()
        self._is_stopping = False
        self._restarting: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process all workers come from, None while there is none."""
        return self._launcher.pid if self._launcher else None

    @property
    def workers(self) -> dict[int, int]:
        """The workers that live, and what the zygote calls their processes: `{7: 12}`."""
        return dict(self._launcher.workers) if self._launcher else {}

    async def start(self) -> None:
        """Start the zygote. Raises ZygoteLost when it does not rise, in no rung or not in the one asked for."""
        if platform.system() != "Linux":
            raise ZygoteLost(NOT_LINUX.format(platform.system()))
        await self._climb(self._wanted or Rung.NAMESPACES)

    async def launcher(self, deadline: float) -> Launcher:
        """Return who starts workers, waiting while it is being restarted. Raises Overloaded, or WorkerLost."""
        if self._is_stopping:
            raise Overloaded("the hub is stopping")
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._is_up.wait()
        except TimeoutError:
            raise WorkerLost("No worker could be started in time.") from None
        assert self._launcher is not None
        return self._launcher

    def doubt(self) -> None:
        """It has just taken no order: let nobody give it another one before it is back."""
        self._is_up.clear()

    def kill(self, worker: int) -> None:
        if self._launcher is not None:
            self._launcher.kill(worker)

    def refuse(self) -> None:
        """Start no more workers."""
        self._is_stopping = True

    async def stop(self) -> None:
        """End the zygote and all its workers."""
        self.refuse()
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        if self._launcher is not None:
            await self._launcher.stop()

    async def _climb(self, rung: Rung) -> None:
        """Rise in this rung, or in the highest one below it that the host allows, unless a certain one is wanted."""
        try:
            await self._rise(rung)
        except ZygoteLost as refusal:
            if refusal.said:
                log.error("zygote_did_not_start", rung=rung, reason=str(refusal), said=refusal.said)
            if self._wanted or rung is self._lowest:
                raise
            self.rung_reason = self.rung_reason or str(refusal)
            await self._climb(rung.below)

    async def _rise(self, rung: Rung) -> None:
        launcher = Launcher(rung, self._on_ended, self._mend)
        await launcher.start()
        self._launcher, self.rung = launcher, rung
        self._is_up.set()

    def _mend(self) -> None:
        """The zygote is gone and all workers with it: start another."""
        self._is_up.clear()
        self._on_lost()
        if not self._is_stopping:
            said = self._launcher.last_words() if self._launcher else ""
            log.warning("zygote_lost", rung=self.rung, said=said)
            self._restarting = asyncio.ensure_future(self._restart())

    async def _restart(self) -> None:
        """Rise again, in the same rung or not at all: a host that has changed must not weaken the jail unnoticed."""
        if self._launcher is not None:
            await self._launcher.stop()
        rung, is_first = self.rung or Rung.NAMESPACES, True
        while True:
            try:
                await self._rise(rung)
            except ZygoteLost as refusal:
                if is_first:
                    log.error("no_workers_in_this_rung_any_more", rung=rung, reason=str(refusal), said=refusal.said)
                is_first = False
                await asyncio.sleep(RESTART_SECONDS)
            else:
                return
