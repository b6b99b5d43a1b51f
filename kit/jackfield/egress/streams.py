"""Bodies that are too long for memory: a file on its way to a third party, and an answer on its way into a file.

    source ─ piece by piece ─▶ request body          response body ─ decompressed ─ redacted ─ piece by piece ─▶ sink

Only a 2xx answer goes to the sink; what a refusal says is read as always.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

from jackfield.egress.redaction import Redactor
from jackfield.exchange import Response

Head = TypeVar("Head")


class Source(Protocol):
    """A request body that can be read again from its beginning, for another attempt."""

    @property
    def size(self) -> int:
        """How many bytes it has."""
        ...

    def pieces(self) -> AsyncGenerator[bytes]:
        """Give all of it, piece by piece."""
        ...


class Sink(Protocol):
    """Takes the body of an answer. What it raises ends the request."""

    async def begin(self, head: Response) -> None:
        """An answer begins, whose status and headers are known. Whatever came before was another attempt: forget it."""
        ...

    async def write(self, piece: bytes) -> None: ...

    async def end(self) -> None:
        """That was all of it."""
        ...


@dataclass(frozen=True, slots=True)
class Streams:
    """What a request reads its body from, and where the body of its answer goes."""

    source: Source | None = None
    sink: Sink | None = None

    def takes(self, status: int) -> bool:
        """Whether the body of an answer with this status goes to the sink."""
        return self.sink is not None and 200 <= status < 300

    def redacted(self, redactor: Redactor) -> Streams:
        """Return the same streams, with secrets taken out of what goes to the sink."""
        if self.sink is None or not redactor.longest:
            return self
        return Streams(self.source, _RedactingSink(self.sink, redactor))


class _RedactingSink:
    """Holds the last bytes back until it is clear that no secret begins in them."""

    def __init__(self, sink: Sink, redactor: Redactor) -> None:
        self._sink = sink
        self._redactor = redactor
        self._held = b""

    async def begin(self, head: Response) -> None:
        self._held = b""
        await self._sink.begin(head)

    async def write(self, piece: bytes) -> None:
        clean = self._redactor.content(self._held + piece)
        ready = max(0, len(clean) - self._redactor.longest + 1)
        self._held = clean[ready:]
        await self._sink.write(clean[:ready])

    async def end(self) -> None:
        await self._sink.write(self._held)
        await self._sink.end()


async def write_all(source: Source, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Write a body; `write` returns when the other side has taken enough of it."""
    async with aclosing(source.pieces()) as pieces:
        async for piece in pieces:
            await write(piece)


async def answered_while(sending: Awaitable[None], reading: Awaitable[Head]) -> Head:
    """Return the head of the answer, which may come before all is sent: then the rest is not sent any more.

    Raises what `reading` raises, or the source. What befalls a connection is told by who reads from it.
    """
    sender, reader = asyncio.ensure_future(sending), asyncio.ensure_future(reading)
    try:
        await asyncio.wait((sender, reader), return_when=asyncio.FIRST_COMPLETED)
        failure = sender.exception() if sender.done() else None
        if failure is not None and not isinstance(failure, OSError):
            raise failure
        return await reader
    finally:
        for task in (sender, reader):
            task.cancel()
        await asyncio.gather(sender, reader, return_exceptions=True)
