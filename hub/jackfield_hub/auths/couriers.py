"""The hub's side of its courier: started when there is something to carry, sent home when there is nothing left."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import asdict

import orjson

from jackfield.exchange import JsonObject
from jackfield_hub.auths.shapes import Claim
from jackfield_hub.logs import log
from jackfield_hub.settings import Settings

COMMAND = (sys.executable, "-m", "jackfield_hub.auths.courier")
IDLE_SECONDS = 60.0


class NoCourier(Exception):
    """None could be started. Nothing was carried."""


class CourierLost(Exception):
    """It has died. Nobody knows how far it came with what it carried."""


class Courier:
    """One courier process, which has said that it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, orders: asyncio.StreamWriter) -> None:
        self.process = process
        self._orders = orders
        self._waiting: dict[tuple[str, int], asyncio.Future[None]] = {}
        self._listening: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        return not self._waiting

    async def carry(self, claim: Claim) -> None:
        """Return when the claim was carried out, whatever came of it. Raises CourierLost."""
        done = self._waiting[claim.auth_id, claim.fence] = asyncio.get_running_loop().create_future()
        try:
            await self.tell(asdict(claim))
            await done
        finally:
            del self._waiting[claim.auth_id, claim.fence]

    async def tell(self, said: JsonObject) -> None:
        try:
            self._orders.write(orjson.dumps(said) + b"\n")
            await self._orders.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise CourierLost from None

    def listen(self, news: asyncio.StreamReader) -> None:
        """Hear what it has done, until it ends."""
        self._listening = asyncio.create_task(self._listen(news))

    async def dismiss(self, seconds: float) -> None:
        """Let it finish what it carries, and end; after so many seconds it goes on alone."""
        self._orders.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.process.wait()
        if self._listening is not None:
            self._listening.cancel()

    async def _listen(self, news: asyncio.StreamReader) -> None:
        while line := await news.readline():
            said = orjson.loads(line)
            done = self._waiting.get((said["auth"], said["fence"]))
            if done is not None and not done.done():
                done.set_result(None)
        if await self.process.wait():
            log.error("courier_died", status=self.process.returncode)
        for done in self._waiting.values():
            if not done.done():
                done.set_exception(CourierLost())


class Couriers:
    """Whoever carries for this hub: at most one courier at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._courier: Courier | None = None
        self._starting = asyncio.Lock()
        self._dismissal: asyncio.TimerHandle | None = None
        self._dismissed: set[asyncio.Task[None]] = set()

    async def carry(self, claim: Claim) -> None:
        """Return when the claim was carried out, whatever came of it. Raises NoCourier, CourierLost."""
        if self._dismissal is not None:
            self._dismissal.cancel()
        courier = await self._ready()
        try:
            await courier.carry(claim)
        finally:
            self._dismissal = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._dismiss_idle)

    @property
    def process_id(self) -> int | None:
        """The process of the courier that is ready; None when there is none."""
        return self._courier.process.pid if self._courier is not None else None

    async def end(self, seconds: float) -> None:
        """Let the courier finish what it carries, and end."""
        if self._dismissal is not None:
            self._dismissal.cancel()
        if self._courier is not None:
            await self._courier.dismiss(seconds)

    async def _ready(self) -> Courier:
        async with self._starting:
            if self._courier is None or self._courier.process.returncode is not None:
                self._courier = await self._start()
            return self._courier

    async def _start(self) -> Courier:
        pipe = asyncio.subprocess.PIPE
        try:
            # In a session of its own: what ends the hub's group, or its terminal, does not end it.
            process = await asyncio.create_subprocess_exec(*COMMAND, stdin=pipe, stdout=pipe, start_new_session=True)
        except OSError:
            raise NoCourier from None
        assert process.stdin is not None
        assert process.stdout is not None
        courier = Courier(process, process.stdin)
        try:
            await courier.tell(self._settings.told())
        except CourierLost:
            raise NoCourier from None
        if not await process.stdout.readline():
            raise NoCourier
        courier.listen(process.stdout)
        return courier

    def _dismiss_idle(self) -> None:
        if self._courier is not None and self._courier.is_idle:
            leaving, self._courier = self._courier, None
            task = asyncio.create_task(leaving.dismiss(IDLE_SECONDS))
            self._dismissed.add(task)
            task.add_done_callback(self._dismissed.discard)
