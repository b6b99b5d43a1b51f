"""Files by reference where there is no hub: on an author's machine and in tests. Their URLs are `file:///…`."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import unquote, urlsplit

from jackfield.bodies import BYTES_TYPE
from jackfield.egress.streams import Streams
from jackfield.errors import InvalidInput
from jackfield.exchange import AsyncTransport, FileUse, JsonObject, Request, Response, Transport, awaitable
from jackfield.shapes import File

NEVER = 4_102_444_800.0  # the year 2100
_PIECE_BYTES = 1024 * 1024
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")
_FORBIDDEN_IN_NAMES = re.compile(r"^.*[/\\]|[\x00-\x1f\x7f]", re.DOTALL)

SendStreams = Callable[[Request, Streams], Awaitable[Response]]


def local_file(path: Path, mime_type: str | None = None) -> File:
    """Return the reference to a file of this machine, to be an operation's input."""
    kind = mime_type or mimetypes.guess_type(path.name)[0] or BYTES_TYPE
    return File(path.name, path.absolute().as_uri(), kind, NEVER)


def path_of(url: str) -> Path | None:
    """Return where a `file:///…` URL leads, None for any other."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" and not parts.netloc else None


@cache
def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that goes away with this process."""
    return tempfile.TemporaryDirectory(prefix="jackfield-")


class LocalFiles:
    """Reads the files that requests name, and makes new ones in a folder, by default one that does not last."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def serves(self, request: Request) -> bool:
        """Whether the request is about a file alone, and asks no third party."""
        return not request.url or path_of(request.url) is not None

    def serve(self, request: Request) -> Response:
        """Answer such a request. Raises InvalidInput."""
        if not request.url:
            name = request.files.keep_as if request.files else None
            return Response(201, file=self.keep(name or "file", _content_type(request), request.body))
        path = _existing(request.url)
        found = next((_RANGE.fullmatch(value) for name, value in request.headers if name.lower() == "range"), None)
        if not found:
            return Response(200, body=path.read_bytes(), url=request.url)
        return _part(path, request.url, int(found[1]), int(found[2]))

    def content(self, use: FileUse) -> bytes:
        """Return the body that a request with files in it has. Raises InvalidInput."""
        return b"".join(part if isinstance(part, bytes) else _existing(part).read_bytes() for part in use.parts)

    def keep(self, name: str, mime_type: str, content: bytes) -> JsonObject:
        """Make a file and return the reference to it."""
        path = self.place(name)
        path.write_bytes(content)
        return asdict(local_file(path, mime_type))

    def place(self, name: str) -> Path:
        """Return a path for a new file of this name."""
        folder = Path(tempfile.mkdtemp(dir=scratch().name)) if self._folder is None else self._folder
        folder.mkdir(parents=True, exist_ok=True)
        return folder / (_FORBIDDEN_IN_NAMES.sub("", name).lstrip(".") or "file")

    async def carry(self, request: Request, use: FileUse, send: SendStreams) -> Response:
        """Send a request whose body or answer is a file, without having either in memory. Raises what `send` raises."""
        parts = tuple(part if isinstance(part, bytes) else _existing(part) for part in use.parts)
        source = _Source(parts) if parts else None
        plain = replace(request, files=None)
        if use.keep_as is None:
            return await send(plain, Streams(source))
        with _Sink(self.place(use.keep_as)) as sink:
            response = await send(plain, Streams(source, sink))
        if not sink.has_all:
            return response
        return replace(response, file=asdict(local_file(sink.path, response.header("Content-Type"))))


class WithFiles:
    """A Transport for fakes and recordings: what passes it are plain requests, with the files' content in their bodies.

    `missing` is what the transport behind it had no answer for.
    """

    def __init__(self, transport: Transport, files: LocalFiles | None = None) -> None:
        self._transport = transport
        self._async: AsyncTransport = awaitable(transport)
        self._files = files or LocalFiles()

    @property
    def missing(self) -> list[str]:
        return getattr(self._transport, "missing", [])

    def send(self, request: Request) -> Response:
        if self._files.serves(request):
            return self._files.serve(request)
        return self._kept(request, self._transport.send(self._plain(request)))

    async def exchange(self, request: Request) -> Response:
        if self._files.serves(request):
            return self._files.serve(request)
        return self._kept(request, await self._async.exchange(self._plain(request)))

    def _plain(self, request: Request) -> Request:
        if request.files is None:
            return request
        body = self._files.content(request.files) if request.files.parts else request.body
        return replace(request, body=body, files=None)

    def _kept(self, request: Request, response: Response) -> Response:
        name = request.files.keep_as if request.files else None
        if name is None or not 200 <= response.status < 300:
            return response
        kind = response.header("Content-Type") or BYTES_TYPE
        return replace(response, body=b"", file=self._files.keep(name, kind, response.body))


def _content_type(request: Request) -> str:
    return next((value for name, value in request.headers if name.lower() == "content-type"), BYTES_TYPE)


def _existing(url: str) -> Path:
    path = path_of(url)
    if path is None:
        raise InvalidInput(f"Without a hub a file has to be on this machine, at a file:/// URL: {url[:200]}")
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.")
    return path


def _part(path: Path, url: str, first: int, last: int) -> Response:
    size = path.stat().st_size
    if first >= size:
        return Response(416, (("Content-Range", f"bytes */{size}"),), url=url)
    with path.open("rb") as file:
        file.seek(first)
        content = file.read(last - first + 1)
    return Response(206, (("Content-Range", f"bytes {first}-{first + len(content) - 1}/{size}"),), content, url)


@dataclass(frozen=True)
class _Source:
    """A request body made of bytes and files (egress.streams.Source)."""

    parts: tuple[bytes | Path, ...]

    @property
    def size(self) -> int:
        return sum(len(part) if isinstance(part, bytes) else part.stat().st_size for part in self.parts)

    async def pieces(self) -> AsyncGenerator[bytes]:
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
                continue
            with await asyncio.to_thread(part.open, "rb") as file:
                while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                    yield piece


class _Sink:
    """A file that an answer goes to (egress.streams.Sink). One that broke off is taken away again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.has_all = False
        self._file: BinaryIO | None = None

    async def begin(self, head: Response) -> None:
        if self._file is not None:
            self._file.close()
        self._file = await asyncio.to_thread(self.path.open, "wb")

    async def write(self, piece: bytes) -> None:
        assert self._file is not None, "write comes after begin"
        await asyncio.to_thread(self._file.write, piece)

    async def end(self) -> None:
        assert self._file is not None, "end comes after begin"
        self._file.close()
        self.has_all = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.has_all and self._file is not None:
            self._file.close()
            self.path.unlink(missing_ok=True)
