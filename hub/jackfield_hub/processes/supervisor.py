"""One hub, several processes: the supervisor starts them, and there are always as many as there should be.

    supervisor ─┬─ ledger writer      one, where the ledger is a SQLite file
                ├─ api 1 ── zygote ── workers
                └─ api 2 ── zygote ── workers

All api processes take connections from one socket, which the supervisor keeps: what waits there while one of them dies
is served by another. A process that dies is replaced; one that falls silent is killed, and replaced.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

from jackfield_hub.calls.ledger import address
from jackfield_hub.data_folder import own
from jackfield_hub.listener import open_socket, url_of
from jackfield_hub.logs import describe, log
from jackfield_hub.processes import board
from jackfield_hub.processes.channel import Alive, Begin, CannotStart, Channel, End, Heard, Ready, Settle, Tell
from jackfield_hub.processes.shared_moments import make_memory
from jackfield_hub.settings import Settings

START_SECONDS = 120.0
LOOK_SECONDS = 0.25  # between two looks for who has fallen silent
SHORT_LIFE_SECONDS = 10.0  # who dies earlier is replaced later and later
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 30.0
LAST_SECONDS = 5.0  # for closing what a process has open, after it has waited for its calls


class Kind(StrEnum):
    """What a process does."""

    API = "api"  #: serves requests
    LEDGER = "ledger"  #: writes the ledger's file for all of them

    @property
    def module(self) -> str:
        return f"jackfield_hub.processes.{self.value}"


class DidNotStart(Exception):
    """A process ended, or said nothing, before it was ready. The message says why; `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(eq=False)
class Process:
    """A running process of the hub."""

    name: str
    kind: Kind
    handle: asyncio.subprocess.Process
    channel: Channel
    started_at: float = field(default_factory=time.monotonic)
    heard_at: float = field(default_factory=time.monotonic)
    is_ready: bool = False
    begun: asyncio.Future[Ready] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    listening: asyncio.Task[None] | None = None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.handle.kill()

    async def ended(self) -> int:
        """Return its exit status when it is gone, or minus the number of the signal that ended it."""
        status = await self.handle.wait()
        self.channel.close()
        return status


@dataclass(eq=False)
class Seat:
    """One place that is never left empty for long."""

    kind: Kind
    process: Process | None = None
    early_deaths: int = 0

    def pause_seconds(self) -> float:
        """How long to wait before it is filled again."""
        if not self.early_deaths:
            return 0.0
        return min(FIRST_PAUSE_SECONDS * 2.0 ** (self.early_deaths - 1), LONGEST_PAUSE_SECONDS)


class Supervisor:
    """Keeps the seats of one hub filled, from `start` to `stop`."""

    def __init__(self, settings: Settings, descriptors: dict[str, int], say: Callable[[str], None], url: str) -> None:
        self.url = url  #: where the hub listens
        self._settings = settings
        self._descriptors = descriptors
        self._say = say
        self._numbers = {kind: count(1) for kind in Kind}
        self._living: dict[str, Process] = {}
        self._seats: list[Seat] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._has_started = False
        self._rolling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fill all seats, and keep them filled from then on. Raises DidNotStart.

        The first api process does what the first start of a hub does, so the others wait for it.
        """
        if "ledger" in self._descriptors:
            await self._fill(Seat(Kind.LEDGER))
        await self._fill(Seat(Kind.API))
        others = [Seat(Kind.API) for _ in range(self._settings.processes - 1)]
        await asyncio.gather(*(self._fill(seat) for seat in others))
        self._tasks = [asyncio.create_task(self._keep(seat)) for seat in self._seats]
        self._tasks.append(asyncio.create_task(self._look_for_the_silent()))
        self._has_started = True

    def restart_gently(self) -> None:
        """Replace every api process by a new one, one after the other; there is always somebody who serves."""
        if self._has_started and (self._rolling is None or self._rolling.done()):
            self._rolling = asyncio.create_task(self._roll())

    async def stop(self) -> None:
        """End them: first those who serve, when they have finished, then who writes for them."""
        for task in (*self._tasks, *([self._rolling] if self._rolling else [])):
            task.cancel()
        patience = self._settings.notice_seconds + 2 * self._settings.drain_seconds + LAST_SECONDS
        await self._end(Kind.API, patience)
        await self._end(Kind.LEDGER, LAST_SECONDS)
        board.remove(self._settings.data_dir)

    def hurry(self) -> None:
        """Stop without waiting for what is running."""
        for process in self._all(Kind.API):
            process.channel.say(End())
            asyncio.get_running_loop().call_later(LAST_SECONDS, process.kill)

    def _all(self, kind: Kind) -> list[Process]:
        return [process for process in self._living.values() if process.kind is kind]

    async def _end(self, kind: Kind, seconds: float) -> None:
        processes = self._all(kind)
        for process in processes:
            process.channel.say(End())
        await _all_gone(processes, seconds)
        for process in processes:
            process.kill()
        await _all_gone(processes, LAST_SECONDS)

    # filling seats

    async def _fill(self, seat: Seat) -> None:
        seat.process = await self._start_process(seat.kind)
        if seat not in self._seats:
            self._seats.append(seat)

    async def _start_process(self, kind: Kind) -> Process:
        name = f"{kind} {next(self._numbers[kind])}"
        ours, theirs = socket.socketpair()
        with theirs:
            handle = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                kind.module,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *self._descriptors.values()),
            )
        process = self._living[name] = Process(name, kind, handle, await Channel.over(ours))
        others = [other.name for other in self._all(Kind.API)]
        process.channel.say(Begin(name, self._settings.told(), self._descriptors, others))
        process.listening = asyncio.create_task(self._listen(process))
        await self._until_ready(process)
        return process

    async def _until_ready(self, process: Process) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                ready = await asyncio.shield(process.begun)
        except (DidNotStart, TimeoutError, asyncio.CancelledError) as failure:
            process.kill()
            await self._bury(process, await process.ended())
            if isinstance(failure, TimeoutError):
                raise DidNotStart(f"{process.name} was not ready after {START_SECONDS:g} seconds") from None
            raise
        for text in ready.said:
            self._say(text)
        process.is_ready, process.heard_at = True, time.monotonic()
        log.info("process_ready", name=process.name, pid=process.handle.pid)
        self._write_board()

    async def _listen(self, process: Process) -> None:
        async for said in process.channel:
            process.heard_at = time.monotonic()
            if isinstance(said, Ready) and not process.begun.done():
                process.begun.set_result(said)
            elif isinstance(said, CannotStart) and not process.begun.done():
                process.begun.set_exception(DidNotStart(said.message, said.hint))
            elif isinstance(said, Tell):
                self._pass_on(process, said)
            elif not isinstance(said, Alive):
                log.error("process_says_nonsense", name=process.name, kind=said.kind)
        if not process.begun.done():
            process.begun.set_exception(DidNotStart(f"{process.name} ended before it was ready"))

    def _pass_on(self, process: Process, told: Tell) -> None:
        for other in self._all(process.kind):
            if other is not process:
                other.channel.say(Heard(told.subject, told.content), may_be_lost=True)

    # keeping them filled

    async def _keep(self, seat: Seat) -> None:
        while True:
            process = seat.process
            assert process is not None
            status = await process.ended()
            is_wanted = seat.process is process
            if is_wanted:
                log.error("process_died", name=process.name, pid=process.handle.pid, status=status)
            await self._bury(process, status)
            if is_wanted:
                lived = time.monotonic() - process.started_at
                seat.early_deaths = seat.early_deaths + 1 if lived < SHORT_LIFE_SECONDS else 0
                await self._refill(seat)

    async def _refill(self, seat: Seat) -> None:
        while True:
            await asyncio.sleep(seat.pause_seconds())
            try:
                await self._fill(seat)
            except (DidNotStart, OSError) as failure:
                seat.early_deaths += 1
                log.error("process_did_not_start", kind=seat.kind, again_in_seconds=seat.pause_seconds())
                self._say(f"A process of the hub did not start: {failure}")
            else:
                return

    async def _bury(self, process: Process, status: int) -> None:
        """Tidy up after a process that is gone."""
        self._living.pop(process.name, None)
        if process.listening is not None:
            process.listening.cancel()
        self._write_board()
        if process.kind is Kind.API:
            for writer in self._all(Kind.LEDGER):
                writer.channel.say(Settle(process.name))
            scratch = self._settings.data_dir / "scratch" / process.name
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        if not process.begun.done():
            process.begun.set_exception(DidNotStart(f"{process.name} ended with status {status}"))
        with suppress(DidNotStart):  # somebody has looked at it, or nobody waits any more
            await process.begun

    async def _look_for_the_silent(self) -> None:
        looked_at = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if now - looked_at > self._settings.silence_seconds / 2:
                self._forgive(now)  # it was us who slept: the machine, or whoever sent SIGSTOP to all
            looked_at = now
            for process in [one for one in self._living.values() if one.is_ready]:
                if now - process.heard_at > self._settings.silence_seconds:
                    log.error("process_hangs", name=process.name, pid=process.handle.pid)
                    process.is_ready = False
                    process.kill()

    def _forgive(self, now: float) -> None:
        for process in self._living.values():
            process.heard_at = now

    async def _roll(self) -> None:
        for seat in [seat for seat in self._seats if seat.kind is Kind.API]:
            old = seat.process
            try:
                await self._fill(seat)
            except (DidNotStart, OSError) as failure:
                self._say(f"The restart stops here, and the old processes go on: {failure}")
                return
            if old is not None:
                old.is_ready = False  # it may be silent now
                old.channel.say(End())
                await _all_gone([old], 2 * self._settings.drain_seconds + LAST_SECONDS)
                old.kill()
        log.info("processes_restarted")

    def _write_board(self) -> None:
        pids = {process.name: process.handle.pid for process in self._living.values() if process.is_ready}
        try:
            board.write(self._settings.data_dir, pids)
        except OSError as failure:  # a full disk must not keep us from replacing who has died
            log.error("processes_not_listed", **describe(failure))


async def _all_gone(processes: Iterable[Process], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(process.ended() for process in processes))


@asynccontextmanager
async def supervising(settings: Settings, say: Callable[[str], None]) -> AsyncGenerator[Supervisor]:
    """Give the supervisor of a hub, to be started, until the block ends. Raises CannotListen, DataFolderMistake."""
    with ExitStack() as closing:
        listener = closing.enter_context(open_socket(settings.host, settings.port))
        lock = closing.enter_context(own(settings.data_dir))
        shutil.rmtree(settings.data_dir / "scratch", ignore_errors=True)
        descriptors = {"listener": listener.fileno(), "lock": lock, "limits": make_memory()}
        closing.callback(os.close, descriptors["limits"])
        if settings.database_url.startswith("sqlite"):
            descriptors["ledger"] = closing.enter_context(address.listen(settings.data_dir)).fileno()
            # Whoever serves holds one end of a pipe, and the writer the other: so it knows when it may leave.
            descriptors["lifeline"], descriptors["lives"] = os.pipe()
            closing.callback(os.close, descriptors["lifeline"])
            closing.callback(os.close, descriptors["lives"])
        supervisor = Supervisor(settings, descriptors, say, url_of(listener))
        try:
            yield supervisor
        finally:
            listener.close()
            await supervisor.stop()
