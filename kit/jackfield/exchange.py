"""One request to a third party and its response, as data. Nothing here opens a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import orjson

Json = Any  # a JSON value. Schemas check its shape; the type checker cannot.
JsonObject = dict[str, Any]
Headers = tuple[tuple[str, str], ...]

READABLE_BODY_BYTES = 64 * 1024  # of a refused request's body, this much is worth keeping in an error


@dataclass(frozen=True, slots=True)
class FileUse:
    """What a request has to do with files. Their bytes do not pass through the connector: whoever sends it has them.

    `parts` is the body where files are in it: bytes, and URLs of files, in order. With `keep_as` the body of a 2xx
    answer becomes a file of that name; where the request has no URL its own body does.
    """

    parts: tuple[bytes | str, ...] = ()
    keep_as: str | None = None


# Not frozen, though nobody changes one: that would take four times as long, and every call makes several.
@dataclass(slots=True, unsafe_hash=True)
class Request:
    """A request as a connector wants it sent: no credentials in it yet.

    `url` is absolute. `is_idempotent` None means: by its method (GET, HEAD, OPTIONS, PUT, DELETE).
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    timeout_seconds: float | None = None
    is_idempotent: bool | None = None
    files: FileUse | None = None

    def with_headers(self, headers: Headers) -> Request:
        """Return the request with these headers in place of its own."""
        # Every request is signed and sent: `dataclasses.replace` takes three times as long.
        about = (self.body, self.timeout_seconds, self.is_idempotent, self.files)
        return Request(self.method, self.url, headers, *about)


@dataclass(slots=True, unsafe_hash=True)
class Response:
    """What came back, after retries and redirects. Header names keep the third party's spelling.

    `file` is the reference to what was kept of it, where the request said so: then there is no body.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    url: str = ""
    file: JsonObject | None = None

    def header(self, name: str) -> str | None:
        """Return the first header of that name, whatever its case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    def readable_body(self) -> Json:
        """Return the body as JSON when it is JSON, else as text (cut at 64 KiB), else None when it is empty."""
        if not self.body:
            return None
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return self.body[:READABLE_BODY_BYTES].decode("utf-8", errors="replace")


class Transport(Protocol):
    """Whatever can send a request: the egress engine, a worker's frames, a fake service, a recording."""

    def send(self, request: Request) -> Response:
        """Return the response, whatever its status. Raises NoAnswer, TimedOut or NotAllowed (jackfield.errors)."""
        ...


@runtime_checkable
class AsyncTransport(Protocol):
    """The same for handlers that are `async def`: other things happen while a request is on its way."""

    async def exchange(self, request: Request) -> Response:
        """Return the response, whatever its status. Raises what `Transport.send` raises."""
        ...


class Immediate:
    """An AsyncTransport over one that answers at once, such as a fake service or a recording."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def exchange(self, request: Request) -> Response:
        return self._transport.send(request)


def awaitable(transport: Transport) -> AsyncTransport:
    """Return the transport as one that can be awaited."""
    return transport if isinstance(transport, AsyncTransport) else Immediate(transport)
