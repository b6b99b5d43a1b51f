"""The line between the supervisor and one process of its hub: JSON objects, one a line, over a pair of sockets.

    supervisor ── Begin, Heard, Settle, End ──▶ process
    supervisor ◀── Ready | CannotStart, Alive, Tell ── process

Either end closes when its process ends, however that comes. So each knows when the other is gone.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import orjson

from jackfield.exchange import JsonObject

MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_WAITING_BYTES = 1024 * 1024  # of what may be lost, for a process that does not listen


@dataclass(frozen=True)
class Begin:
    """What a process has to know to begin. `settings` hold secrets; `descriptors` are those it was given, by name."""

    kind: ClassVar[str] = "begin"
    name: str
    settings: JsonObject
    descriptors: dict[str, int]
    processes: list[str] = field(default_factory=list[str])  #: the api processes that live now


@dataclass(frozen=True)
class Ready:
    """The process does its work from now on. `said` is for whoever started the hub."""

    kind: ClassVar[str] = "ready"
    said: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class CannotStart:
    """The process ends before it has begun, for a reason that somebody can mend."""

    kind: ClassVar[str] = "cannot_start"
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Alive:
    """The process is not stuck."""

    kind: ClassVar[str] = "alive"


@dataclass(frozen=True)
class Tell:
    """Something the other processes of the same kind should hear, if they can."""

    kind: ClassVar[str] = "tell"
    subject: str
    content: JsonObject


@dataclass(frozen=True)
class Heard:
    """What another process told."""

    kind: ClassVar[str] = "heard"
    subject: str
    content: JsonObject


@dataclass(frozen=True)
class Settle:
    """An api process is gone: what it left half done in the ledger is nobody's any more."""

    kind: ClassVar[str] = "settle"
    process: str


@dataclass(frozen=True)
class End:
    """Finish what is running, and end. Said twice: do not finish it."""

    kind: ClassVar[str] = "end"


Said = Begin | Ready | CannotStart | Alive | Tell | Heard | Settle | End
_KINDS: dict[str, type[Said]] = {
    kind.kind: kind for kind in (Begin, Ready, CannotStart, Alive, Tell, Heard, Settle, End)
}


class Channel:
    """One end. Iterate over it to hear what the other end says, until that is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        return cls(*await asyncio.open_unix_connection(sock=end, limit=MAX_LINE_BYTES))

    def say(self, said: Said, *, may_be_lost: bool = False) -> None:
        """Say something to the other end, if it is still there."""
        if may_be_lost and self._writer.transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            return
        with suppress(OSError, RuntimeError):
            self._writer.write(orjson.dumps({"kind": said.kind, **asdict(said)}) + b"\n")

    async def __aiter__(self) -> AsyncGenerator[Said]:
        with suppress(OSError):
            while line := await self._reader.readline():
                fields: dict[str, Any] = orjson.loads(line)
                yield _KINDS[fields.pop("kind")](**fields)

    def close(self) -> None:
        self._writer.close()
