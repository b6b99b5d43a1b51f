"""aiohttp, as the engine uses it. No other module knows that it is aiohttp.

Its connections, its parser and its way to connect are used as they are; its session, requests and answers are not. They
do much for programs that need it (cookies, redirects, proxies, decompression), the engine needs none of it, and without
them a request costs a third.

    hop ─ a connection to its place, kept or new ─ head and body written ─ head read ─ body read, within limits ─ kept
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import sys
import time
from dataclasses import replace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage, StreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

from jackfield.egress.headers import has_header
from jackfield.egress.inflate import ACCEPT_ENCODING, BodyRefused, body_reader
from jackfield.egress.limits import Limits
from jackfield.egress.outbox import Outbox
from jackfield.egress.streams import Sink, Source, answered_while, write_all
from jackfield.egress.wire import BrokenOff, Hop, NotConnected, TlsFailed, Unusable
from jackfield.exchange import Headers, Response

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})  # these say nothing about a body they do not have
_MAX_PLACES = 1000  # (address, port, TLS name, whom to trust) that we remember how to connect to
_JOINED_BYTES = 64 * 1024  # a body up to this size is copied behind its head, to leave in one piece

_Place = tuple[str, str, int, str | None, ssl.SSLContext | None]

# OpenSSL's numbers (X509_V_ERR_…) for what is most often wrong with a certificate.
_CERTIFICATE_PROBLEMS = {
    9: "shows a certificate that is not valid yet",
    10: "shows a certificate that has expired; its owner has to renew it",
    18: "shows a certificate nobody vouches for (self-signed); whoever runs this hub can decide to trust it",
    19: "shows a certificate nobody here vouches for; whoever runs this hub can decide to trust its issuer",
    20: "shows a certificate nobody here vouches for; whoever runs this hub can decide to trust its issuer",
    62: "shows the certificate of another name; check how the host is spelled",
    64: "shows the certificate of another address; call it by its name",
}


class AiohttpWire:
    """Keeps connections open, one pool for each (address, port, TLS name). Belongs to one event loop."""

    def __init__(self, limits: Limits, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self._tls = tls
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_seconds)
        self._connector: _PinnedConnector | None = None
        self._places: dict[_Place, aiohttp.ClientRequest] = {}
        self._outbox = Outbox()

    async def exchange(self, hop: Hop) -> Response:
        connection = await self._connect(hop)
        try:
            response = await self._ask(hop, connection)
        except aiohttp.ClientPayloadError:
            raise BrokenOff("broke off in the middle of its answer") from None
        except (HttpProcessingError, aiohttp.ClientResponseError):
            raise Unusable("answered something that is not HTTP, or headers that are too long") from None
        except (aiohttp.ClientConnectionError, OSError):
            raise BrokenOff("closed the connection without an answer") from None
        except BodyRefused as refused:
            raise Unusable(refused.reason) from None
        finally:
            _end(connection)
        return response

    async def _connect(self, hop: Hop) -> Connection:
        connector = self._connector = self._connector or _PinnedConnector(self._limits)
        try:
            return await connector.connect(self._place(hop), [], self._timeout)
        except aiohttp.ClientConnectorCertificateError as failure:
            raise TlsFailed(_certificate_problem(failure.certificate_error)) from None
        except aiohttp.ClientSSLError:
            raise TlsFailed("does not speak TLS 1.2 or newer there; check the port, and https or http") from None
        except TimeoutError:
            raise NotConnected(f"takes no connections: nothing for {self._limits.connect_seconds:g} seconds") from None
        except aiohttp.ClientConnectorError as failure:
            raise NotConnected(_connection_problem(failure.os_error, hop)) from None
        except (aiohttp.ClientConnectionError, OSError):
            raise NotConnected("takes no connections; check the host and port, and whether the service runs") from None

    def _place(self, hop: Hop) -> aiohttp.ClientRequest:
        """Return what aiohttp knows a place to connect to by: an empty request to it."""
        target = hop.target
        tls = (hop.tls or self._tls_context()) if target.scheme == "https" else None
        key = (target.scheme, hop.address, target.port, _tls_name(hop), tls)
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= _MAX_PLACES:
                self._places.clear()
            place = self._places[key] = aiohttp.ClientRequest(
                "GET", _url(hop), ssl=tls or True, server_hostname=key[3], loop=asyncio.get_running_loop()
            )
        return place

    def _tls_context(self) -> ssl.SSLContext:
        # Reading what the operating system trusts takes a while: only for those who need it.
        context = self._tls = self._tls or ssl.create_default_context()
        return context

    async def _ask(self, hop: Hop, connection: Connection) -> Response:
        """Send the request and return the answer. The connection is kept if it is fit for another request."""
        protocol = connection.protocol
        if protocol is None or protocol.transport is None:
            raise aiohttp.ClientConnectionError
        self._expect_answer(protocol, hop.request.method)
        source = hop.streams.source if hop.streams else None
        if source is None:
            self._write(protocol.transport, hop)
            message, stream = await protocol.read()
            if _is_said_in_advance(message):
                message, stream = await _read_head(protocol)
        else:
            message, stream = await answered_while(_write_streamed(protocol, hop, source), _read_head(protocol))
        headers, coding = self._headers(message), message.headers.get("Content-Encoding", "")
        if hop.streams is not None and hop.streams.takes(message.code):
            await self._keep_body(stream, coding, Response(message.code, _decoded(headers)), hop.streams.sink)
            body = b""
        else:
            body = await self._read_body(stream, coding)
        if not protocol.transport or not protocol.transport.get_write_buffer_size():
            connection.release()
        return Response(message.code, _decoded(headers) if coding and body else headers, body, hop.url)

    def _expect_answer(self, protocol: ResponseHandler, method: str) -> None:
        limits = self._limits
        protocol.set_response_params(
            skip_payload=method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=limits.max_header_bytes,
            max_field_size=limits.max_header_bytes,
            max_headers=limits.max_headers,
        )

    def _write(self, transport: asyncio.WriteTransport, hop: Hop) -> None:
        body = hop.request.body
        head = _head(hop, len(body) if body or hop.request.method not in _WITHOUT_BODY else None)
        if len(body) <= _JOINED_BYTES:
            self._outbox.put(transport, head + body)
        else:
            transport.writelines((head, body))

    def _headers(self, message: RawResponseMessage) -> Headers:
        if message.code == 101:
            raise Unusable("switched to a protocol nobody asked for")
        raw = message.raw_headers
        if sum([len(name) + len(value) for name, value in raw]) > self._limits.max_header_bytes:
            raise Unusable("answered something that is not HTTP, or headers that are too long")
        try:
            return tuple([(name.decode(), value.decode()) for name, value in raw])
        except UnicodeDecodeError:
            return tuple([(_text(name), _text(value)) for name, value in raw])

    async def _read_body(self, stream: StreamReader, coding: str) -> bytes:
        reader = body_reader(coding, self._limits)
        if stream.is_eof():  # as most small ones: it came with the head
            reader.feed(stream.read_nowait())
            return reader.finish()
        pace = _Pace(self._limits)
        while piece := await stream.readany():
            reader.feed(piece)
            pace.check(len(piece))
        return reader.finish()

    async def _keep_body(self, stream: StreamReader, coding: str, head: Response, sink: Sink | None) -> None:
        """Hand the body on as it comes. How long it may be is the sink's business."""
        assert sink is not None, "streams take no answers without one"
        reader = body_reader(coding, replace(self._limits, max_raw_bytes=sys.maxsize, max_body_bytes=sys.maxsize))
        await sink.begin(head)
        pace = _Pace(self._limits)
        while piece := await stream.readany():
            reader.feed(piece)
            pace.check(len(piece))
            await sink.write(reader.take())
        await sink.write(reader.finish())
        await sink.end()

    async def close(self) -> None:
        if self._connector is not None:
            await self._connector.close()
            # TLS connections say goodbye in a callback of their own.
            await asyncio.sleep(0)


class _Pace:
    """Loses patience with a body that comes too slowly."""

    __slots__ = ("_least_per_second", "_patient_until", "_received", "_started")

    def __init__(self, limits: Limits) -> None:
        self._started = time.monotonic()
        self._patient_until = self._started + limits.slow_after_seconds
        self._least_per_second = limits.slow_bytes_per_second
        self._received = 0

    def check(self, more: int) -> None:
        """Count a piece. Raises BodyRefused."""
        self._received += more
        now = time.monotonic()
        if now > self._patient_until and self._received < self._least_per_second * (now - self._started):
            raise BodyRefused(f"sends its answer at less than {self._least_per_second} bytes a second")


async def _write_streamed(protocol: ResponseHandler, hop: Hop, source: Source) -> None:
    writer = StreamWriter(protocol, asyncio.get_running_loop())
    await writer.write(_head(hop, source.size))
    await write_all(source, writer.write)


def _head(hop: Hop, body_bytes: int | None) -> bytes:
    """Return the request's head. Whatever could end a line of it was refused by the engine (headers.py, policy.py)."""
    request = hop.request
    lines = [
        f"{request.method} {hop.target.path_and_query} HTTP/1.1",
        f"Host: {hop.target.host_and_port}",
        f"Accept-Encoding: {ACCEPT_ENCODING}",
        *[f"{name}: {value}" for name, value in hop.headers],
    ]
    if body_bytes is not None:
        lines.append(f"Content-Length: {body_bytes}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _end(connection: Connection) -> None:
    """Close a connection that was not kept: it has not come to the end of its answer, or of its request."""
    transport = connection.transport
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()  # a peer that does not read would make us wait with megabytes in hand
    connection.close()


async def _read_head(protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
    """Return the head of the answer, and its body to be read. Passes over what is said in advance ("100 Continue")."""
    while True:
        message, stream = await protocol.read()
        if not _is_said_in_advance(message):
            return message, stream


def _is_said_in_advance(message: RawResponseMessage) -> bool:
    return message.code < 200 and message.code != 101


class _NobodyToAsk(AbstractResolver):
    """A hop names an address. Should a host name ever get here, it leads nowhere."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        raise OSError("host names are resolved by the engine")

    async def close(self) -> None: ...


class _QuietUntilAsked(ResponseHandler):
    """A connection that is fit for another request only if nothing came in since its last one.

    aiohttp would take bytes that arrived in between for the answer to the next request, which may be somebody else's.
    """

    def is_connected(self) -> bool:
        return super().is_connected() and not self.should_close


class _PinnedConnector(aiohttp.TCPConnector):
    def __init__(self, limits: Limits) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            limit=0,  # whoever calls us caps what is under way
            resolver=_NobodyToAsk(),
            use_dns_cache=False,
            keepalive_timeout=limits.idle_seconds,
            happy_eyeballs_delay=None,
        )
        self._factory = functools.partial(_QuietUntilAsked, loop=asyncio.get_running_loop())


def _url(hop: Hop) -> URL:
    address = f"[{hop.address}]" if ":" in hop.address else hop.address
    return URL(f"{hop.target.scheme}://{address}:{hop.target.port}{hop.target.path_and_query}", encoded=True)


def _tls_name(hop: Hop) -> str | None:
    return hop.target.host if hop.target.scheme == "https" and hop.target.address is None else None


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _decoded(headers: Headers) -> Headers:
    """Return the headers of a compressed answer without those that describe the body as it was on the wire."""
    if not has_header(headers, "content-encoding"):
        return headers
    return tuple(pair for pair in headers if pair[0].lower() not in ("content-encoding", "content-length"))


def _connection_problem(error: OSError, hop: Hop) -> str:
    if hop.target.scheme == "https" and isinstance(error, ConnectionResetError):
        return "hung up before the connection was encrypted; check the port, and that it speaks TLS 1.2 or newer"
    return "takes no connections; check the host and port, and whether the service runs"


def _certificate_problem(error: Exception) -> str:
    number = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    return _CERTIFICATE_PROBLEMS.get(number, "shows a certificate that cannot be verified")
