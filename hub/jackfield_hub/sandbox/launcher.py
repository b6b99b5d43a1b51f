"""The hub's side of the zygote: starts it, gives it orders, hears what becomes of its workers."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orjson

import jackfield
import jackfield_hub
from jackfield_hub.sandbox import orders
from jackfield_hub.sandbox.boot import COMMAND
from jackfield_hub.sandbox.failures import signal_name
from jackfield_hub.sandbox.frames import SOCKET_BUFFER_BYTES
from jackfield_hub.sandbox.jail import Rung

START_SECONDS = 30.0
END_SECONDS = 2.0
LAST_WORDS_BYTES = 4096
LAST_SIGNAL = 64


class ZygoteLost(Exception):
    """The zygote has died or does not take orders. `said` is the end of what it wrote to its stderr."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(": ".join([reason, *said.splitlines()[-1:]]))
        self.said = said


class Seat(NamedTuple):
    """Our ends of a worker's two descriptors."""

    connection: socket.socket
    stderr: int


class Launcher:
    """One zygote.

    `on_ended(worker, status)` is called when a worker ends, `on_lost()` once when the zygote itself does. `workers` has
    those that live, by number, and what the zygote calls their processes.
    """

    def __init__(self, rung: Rung, on_ended: Callable[[int, int], None], on_lost: Callable[[], None]) -> None:
        self._rung = rung
        self._on_ended = on_ended
        self._on_lost = on_lost
        self.workers: dict[int, int] = {}
        self._risen = asyncio.Event()
        self._lost = asyncio.Event()
        self._reason = ""
        # A file in memory: a pipe would have to be read all the time, or the zygote would wait for its reader.
        self._stderr = os.fdopen(os.memfd_create("zygote-stderr"), "r+b", buffering=0)

    async def start(self) -> None:
        """Return when the zygote takes orders. Raises ZygoteLost when it does not rise."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._control.setblocking(False)
            self._process = await asyncio.to_thread(_start_process, theirs, self._rung, self._stderr.fileno())
        asyncio.get_running_loop().add_reader(self._control, self._listen)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._risen.wait()
        except TimeoutError:
            self._reason = f"the zygote was not ready within {START_SECONDS:g} s"
            self._lost.set()
        except asyncio.CancelledError:
            await self.stop()
            raise
        if self._lost.is_set():
            said = self.last_words()
            await self.stop()
            raise ZygoteLost(self._reason or f"the zygote {_end_of(self._process)} before it was ready", said)

    @property
    def pid(self) -> int:
        """The process all others come from: in R1 the starter, in R2 the zygote itself."""
        return self._process.pid

    def last_words(self) -> str:
        """Return the end of what it has written to its stderr: nothing, as long as all is well."""
        written = os.fstat(self._stderr.fileno()).st_size
        said = os.pread(self._stderr.fileno(), LAST_WORDS_BYTES, max(0, written - LAST_WORDS_BYTES))
        return said.decode(errors="replace").strip()

    async def stop(self) -> None:
        """End the zygote and with it all its workers. Returns when it is gone, also the second time."""
        if self._control.fileno() != -1:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
        await asyncio.to_thread(_end_process, self._process)
        self._stderr.close()

    def hire(self, order: orders.Hire) -> Seat:
        """Have a worker forked; return our ends of its socket and its stderr. Raises ZygoteLost."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        ours.setblocking(False)
        # Without blocking: a worker that floods its stderr loses the rest instead of waiting for a reader.
        stderr, their_stderr = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._send(order, theirs.fileno(), their_stderr)
        except ZygoteLost:
            ours.close()
            os.close(stderr)
            raise
        finally:
            theirs.close()
            os.close(their_stderr)
        return Seat(ours, stderr)

    def kill(self, worker: int) -> None:
        """End a worker now. `on_ended` is told when it is gone."""
        try:
            self._send(orders.Kill(worker))
        except ZygoteLost:
            return  # then the worker has died with it

    def _send(self, order: orders.Order, *descriptors: int) -> None:
        try:
            socket.send_fds(self._control, [orders.to_bytes(order)], descriptors)
        except OSError:
            # Also when it has so many orders waiting that no more fit: then it hangs, and has to go.
            self._process.kill()
            raise ZygoteLost("the zygote takes no orders") from None

    def _listen(self) -> None:
        try:
            message = self._control.recv(orders.MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._lose()
            return
        news = orders.from_bytes(message)
        if isinstance(news, orders.Risen):
            self._risen.set()
        elif isinstance(news, orders.Stuck):
            self._reason = news.reason
        elif isinstance(news, orders.Hired):
            self.workers[news.worker] = news.process_id
        elif isinstance(news, orders.Ended):
            self.workers.pop(news.worker, None)
            self._on_ended(news.worker, news.status)

    def _lose(self) -> None:
        asyncio.get_running_loop().remove_reader(self._control)
        self._lost.set()
        if not self._risen.is_set():
            self._risen.set()
        else:
            self._on_lost()


def _start_process(control: socket.socket, rung: Rung, stderr: int) -> subprocess.Popen[bytes]:
    """Start the interpreter with no environment, no site directory and two descriptors of ours."""
    interpreter = (os.path.realpath(sys.executable), "-I", "-S", "-c", COMMAND)
    command = [*interpreter, str(control.fileno()), rung.value, *import_paths()]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
        command,
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        close_fds=True,
        pass_fds=(control.fileno(),),
        # A group, so that Ctrl-C is for the hub only. Not a session: many kernels share processors out between those,
        # and all workers together would get as much as the hub, however far they stand back.
        process_group=0,
    )


def _end_process(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_of(process: subprocess.Popen[bytes]) -> str:
    """Say how a process has ended: "ended with status 1". In R1 the starter hands on a signal as a status."""
    status = process.returncode
    number = 256 - status if status >= 256 - LAST_SIGNAL else -status
    return f"was ended by {signal_name(number)}" if number > 0 else f"ended with status {status}"


def import_paths() -> list[str]:
    """Return the folders a worker imports from: where the kit, the hub and their dependencies are."""
    homes = [str(Path(str(module.__file__)).parent.parent) for module in (jackfield, jackfield_hub, orjson)]
    return list(dict.fromkeys([*homes, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
