"""What every process does that a supervisor has started: begin when told, beat, and end when told or left alone."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from jackfield_hub.logs import configure_logs
from jackfield_hub.processes.channel import Alive, Begin, CannotStart, Channel, End, Ready, Said
from jackfield_hub.settings import Settings

BEATS_A_SILENCE = 5


class Child:
    """This process, as its supervisor sees it. `stopping` is set when it shall end."""

    def __init__(self, channel: Channel, begin: Begin, settings: Settings, hurry: Callable[[], None]) -> None:
        self.name = begin.name
        self.settings = settings
        self.descriptors = begin.descriptors
        self.processes = begin.processes
        self.stopping = asyncio.Event()
        self.is_orphan = False  #: the supervisor is gone
        self._channel = channel
        self._hurry = hurry
        self._tasks: list[asyncio.Task[None]] = []

    def ready(self, *said: str) -> None:
        """Tell the supervisor that the work begins; from now on it expects to hear from us."""
        self._channel.say(Ready(list(said)))
        self._tasks.append(asyncio.create_task(self._beat()))

    def say(self, said: Said, *, may_be_lost: bool = False) -> None:
        self._channel.say(said, may_be_lost=may_be_lost)

    def cannot_start(self, message: str, hint: str = "") -> None:
        self._channel.say(CannotStart(message, hint))

    def listen(self, hear: Callable[[Said], None]) -> None:
        """Have `hear` called with whatever the supervisor says, until it is gone; then stop."""
        self._tasks.append(asyncio.create_task(self._listen(hear)))

    async def _listen(self, hear: Callable[[Said], None]) -> None:
        async for said in self._channel:
            if isinstance(said, End):
                self._stop()
            else:
                hear(said)
        self.is_orphan = True
        self.stopping.set()  # nobody would replace us

    def _stop(self) -> None:
        if self.stopping.is_set():
            self._hurry()
        self.stopping.set()

    async def _beat(self) -> None:
        silence = self.settings.silence_seconds
        while True:
            self._channel.say(Alive(), may_be_lost=True)
            # Should we hang after the supervisor has died, nobody would kill us. This works even then.
            faulthandler.dump_traceback_later(silence * 2, exit=True)
            await asyncio.sleep(silence / BEATS_A_SILENCE)

    def close(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        for task in self._tasks:
            task.cancel()
        self._channel.close()


@asynccontextmanager
async def being_child(hurry: Callable[[], None]) -> AsyncGenerator[Child]:
    """Wait to be told how to begin, and be a process of the hub until the block ends.

    `hurry` is called when whoever waits for this process to end wants to wait no longer.
    """
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they may reach all of us at once; the supervisor says who ends when
    channel = await Channel.over(socket.socket(fileno=int(sys.argv[1])))
    begin = await anext(aiter(channel), None)
    if not isinstance(begin, Begin):
        raise SystemExit(1)  # the supervisor was killed before it said anything
    configure_logs(begin.name)
    child = Child(channel, begin, Settings(**begin.settings), hurry)
    try:
        yield child
    finally:
        child.close()
