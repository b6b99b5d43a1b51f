"""The files of one call, and the requests that have to do with them. Their bytes never meet the connector's code.

a file of ours ─▶ request body          answer ─▶ a new file of ours          a file of ours ─ a piece ─▶ the connector
a file kept elsewhere ─ fetched once, without credentials ─▶ a file of ours, for as long as the call takes
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace

from jackfield.egress.grant import Grant
from jackfield.egress.policy import Target, parse_url
from jackfield.egress.streams import Streams
from jackfield.errors import NoAnswer, NotAllowed, PlatformError, TooLarge
from jackfield.exchange import FileUse, Request, Response
from jackfield_hub import errors
from jackfield_hub.files import service
from jackfield_hub.files.arrival import Arrival, Wanted, arriving
from jackfield_hub.files.given import ForeignFile, GivenFile
from jackfield_hub.files.links import Link
from jackfield_hub.files.names import ANY_BYTES
from jackfield_hub.files.ranges import wanted_range
from jackfield_hub.files.shapes import FileOwner, FileReference, RangeOutside, StoredFile
from jackfield_hub.hub import Hub

MAX_PIECE_BYTES = 8 * 1024 * 1024  # of a file, handed to a connector in one answer


class Carrier:
    """What a call may do with files: those of its input, and those it makes itself."""

    def __init__(self, hub: Hub, owner: FileOwner, given: Mapping[str, GivenFile], deadline: float) -> None:
        self._hub = hub
        self._owner = owner
        self._files = dict(given)
        self._deadline = deadline
        self._fetching = asyncio.Lock()

    def serves(self, request: Request) -> bool:
        """Whether no third party is asked: the request is about a file of this call alone."""
        return not request.url or request.url in self._files

    async def serve(self, request: Request) -> Response:
        """Answer a request for a file, or to keep its body as one. Raises NotAllowed, TooLarge, PlatformError, …"""
        with _said_to_the_connector():
            if request.url:
                return await self._read(request)
            if request.files is None or request.files.keep_as is None or request.files.parts:
                raise NotAllowed("A request needs a URL.")
            return await self._keep(request, request.files.keep_as)

    async def carry(self, request: Request, use: FileUse, grant: Grant) -> Response:
        """Send a request whose body or answer is a file. Raises what the engine raises; TooLarge, PlatformError."""
        with _said_to_the_connector():
            source = await self._source(use) if use.parts else None
            plain = replace(request, files=None)
            if use.keep_as is None:
                return await self._hub.egress.send(plain, grant, self._deadline, Streams(source))
            async with arriving(self._hub, self._owner) as arrival:
                sink = _Keeping(arrival, use.keep_as)
                response = await self._hub.egress.send(plain, grant, self._deadline, Streams(source, sink))
                if not sink.has_all:
                    return response
                return replace(response, file=await self._finish(arrival))

    async def _keep(self, request: Request, name: str) -> Response:
        kind = next((value for header, value in request.headers if header.lower() == "content-type"), ANY_BYTES)
        async with arriving(self._hub, self._owner, len(request.body)) as arrival:
            await arrival.begin(Wanted(name, kind, len(request.body)))
            await arrival.write(request.body)
            return Response(201, file=await self._finish(arrival))

    async def _finish(self, arrival: Arrival) -> dict[str, str | float]:
        reference = await arrival.finish(self._hub.origin)
        self._files[reference.url] = await self._opened(reference)
        return reference.model_dump()

    async def _opened(self, reference: FileReference) -> StoredFile:
        link = Link.parse(reference.url)
        assert link is not None, "we have made it just now"
        return await service.open_link(self._hub, link)

    async def _read(self, request: Request) -> Response:
        if request.method != "GET":
            raise NotAllowed("A file can be read, and nothing else.")
        file = await self._ours(request.url)
        header = next((value for name, value in request.headers if name.lower() == "range"), None)
        try:
            part = wanted_range(header, file.size)
        except RangeOutside as outside:
            return Response(416, tuple(outside.headers.items()), url=request.url)
        start, end = part or (0, file.size)
        if part is None and file.size > MAX_PIECE_BYTES:
            raise TooLarge(f"{file.name} has {file.size:,} bytes: read it in pieces, with http.open(file).")
        end = min(end, start + MAX_PIECE_BYTES)
        async with aclosing(service.read(self._hub, file, start, end)) as pieces:
            content = b"".join([piece async for piece in pieces])
        headers = (("Content-Type", file.mime_type), ("Content-Range", f"bytes {start}-{end - 1}/{file.size}"))
        return Response(206 if part else 200, headers if part else headers[:1], content, request.url)

    async def _source(self, use: FileUse) -> _Parts:
        parts = [part if isinstance(part, bytes) else await self._ours(part) for part in use.parts]
        return _Parts(self._hub, tuple(parts))

    async def _ours(self, url: str) -> StoredFile:
        """Return a file of this call that we have; one that is kept elsewhere is fetched before."""
        file = self._files.get(url)
        if file is None:
            raise NotAllowed("The connector may use the files of its input, and those it has made in this call.")
        if isinstance(file, StoredFile):
            return file
        async with self._fetching:
            fetched = self._files[url]
            if isinstance(fetched, ForeignFile):
                fetched = self._files[url] = await self._fetch(fetched)
            return fetched

    async def _fetch(self, file: ForeignFile) -> StoredFile:
        """Copy a file from where the caller says it is: as a stranger would, with the rules for addresses as always."""
        hub = self._hub
        grant = _AnyHost((), addresses=hub.addresses, owner=self._owner.organization_id)
        async with arriving(hub, self._owner) as arrival:
            sink = _Keeping(arrival, file.name, file.mime_type, hub.settings.call_seconds)
            response = await hub.egress.send(Request("GET", file.url), grant, self._deadline, Streams(sink=sink))
            if not sink.has_all:
                host = parse_url(file.url).host_and_port
                raise NoAnswer(f"The file cannot be fetched: {host} answered {response.status}.")
            return await self._opened(await arrival.finish(hub.origin))


class _AnyHost(Grant):
    """A caller may have any public file fetched: nothing of anybody's travels there."""

    def check(self, target: Target) -> None:
        return


@dataclass(frozen=True)
class _Parts:
    """A request body made of bytes and files of ours."""

    hub: Hub
    parts: tuple[bytes | StoredFile, ...]

    @property
    def size(self) -> int:
        return sum(len(part) if isinstance(part, bytes) else part.size for part in self.parts)

    async def pieces(self) -> AsyncGenerator[bytes]:
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
                continue
            async with aclosing(service.read(self.hub, part, 0, part.size)) as pieces:
                async for piece in pieces:
                    yield piece


class _Keeping:
    """Makes a file of an answer (egress.streams.Sink)."""

    def __init__(self, arrival: Arrival, name: str, mime_type: str = "", seconds: float | None = None) -> None:
        self._arrival = arrival
        self._name = name
        self._mime_type = mime_type
        self._seconds = seconds
        self.has_all = False

    async def begin(self, head: Response) -> None:
        said = head.header("Content-Length") or ""
        kind = self._mime_type or head.header("Content-Type") or ANY_BYTES
        announced = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else 0
        await self._arrival.begin(Wanted(self._name, kind, announced, self._seconds))

    async def write(self, piece: bytes) -> None:
        await self._arrival.write(piece)

    async def end(self) -> None:
        self.has_all = True


@contextmanager
def _said_to_the_connector() -> Generator[None]:
    """Turn what a client would be refused with into what a connector's code can be told."""
    try:
        yield
    except errors.TooLarge as refusal:
        raise TooLarge(f"{refusal.message}.") from None
    except errors.Refused as refusal:
        raise PlatformError(f"{refusal.message}.") from None
