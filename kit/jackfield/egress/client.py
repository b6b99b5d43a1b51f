"""aiohttp, as the engine uses it. No other module knows that it is aiohttp."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from jackfield.egress.inflate import ACCEPT_ENCODING, BodyRefused, body_reader
from jackfield.egress.limits import Limits
from jackfield.egress.wire import BrokenOff, Hop, NotConnected, TlsFailed, Unusable
from jackfield.exchange import Headers, Response

_OURS_TO_SET = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

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
        self._session: aiohttp.ClientSession | None = None

    async def exchange(self, hop: Hop) -> Response:
        session = self._session = self._session or self._open()
        try:
            async with session.request(
                hop.request.method,
                _url(hop),
                data=hop.request.body or None,
                headers=[
                    ("Host", hop.target.host_and_port),
                    ("Accept-Encoding", ACCEPT_ENCODING),
                    *hop.request.headers,
                ],
                ssl=(hop.tls or self._tls_context()) if hop.target.scheme == "https" else True,
                server_hostname=_tls_name(hop),
                allow_redirects=False,
            ) as answer:
                return await self._read(answer)
        except aiohttp.ClientConnectorCertificateError as failure:
            raise TlsFailed(_certificate_problem(failure.certificate_error)) from None
        except aiohttp.ClientSSLError:
            raise TlsFailed("does not speak TLS 1.2 or newer there; check the port, and https or http") from None
        except aiohttp.ConnectionTimeoutError:
            raise NotConnected(f"takes no connections: nothing for {self._limits.connect_seconds:g} seconds") from None
        except aiohttp.ClientConnectorError as failure:
            raise NotConnected(_connection_problem(failure.os_error, hop)) from None
        except aiohttp.ClientPayloadError:
            raise BrokenOff("broke off in the middle of its answer") from None
        except aiohttp.ClientResponseError:
            raise Unusable("answered something that is not HTTP, or headers that are too long") from None
        except (aiohttp.ClientConnectionError, OSError):
            raise BrokenOff("closed the connection without an answer") from None

    def _tls_context(self) -> ssl.SSLContext:
        # Reading what the operating system trusts takes a while: only for those who need it.
        context = self._tls = self._tls or ssl.create_default_context()
        return context

    def _open(self) -> aiohttp.ClientSession:
        limits = self._limits
        session = aiohttp.ClientSession(
            connector=_PinnedConnector(limits),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_seconds),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_OURS_TO_SET,
            max_line_size=limits.max_header_bytes,
            max_field_size=limits.max_header_bytes,
            max_headers=limits.max_headers,
        )
        # aiohttp would send some requests twice by itself, even those a connector says are not to be repeated.
        session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
        return session

    async def _read(self, answer: aiohttp.ClientResponse) -> Response:
        if answer.status == 101:
            answer.close()
            raise Unusable("switched to a protocol nobody asked for")
        headers = _headers(answer)
        if sum(len(name) + len(value) for name, value in headers) > self._limits.max_header_bytes:
            raise Unusable("answered something that is not HTTP, or headers that are too long")
        try:
            body = await self._read_body(answer)
        except BodyRefused as refused:
            answer.close()
            raise Unusable(refused.reason) from None
        return Response(answer.status, _as_decoded(headers) if body else headers, body)

    async def _read_body(self, answer: aiohttp.ClientResponse) -> bytes:
        reader = body_reader(answer.headers.get("Content-Encoding", ""), self._limits)
        started, received = time.monotonic(), 0
        async for piece in answer.content.iter_any():
            reader.feed(piece)
            received += len(piece)
            self._check_pace(received, time.monotonic() - started)
        return reader.finish()

    def _check_pace(self, received: int, seconds: float) -> None:
        is_slow = received < self._limits.slow_bytes_per_second * seconds
        if is_slow and seconds > self._limits.slow_after_seconds:
            raise BodyRefused(f"sends its answer at less than {self._limits.slow_bytes_per_second} bytes a second")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            # TLS connections say goodbye in a callback of their own.
            await asyncio.sleep(0)


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


def _headers(answer: aiohttp.ClientResponse) -> Headers:
    return tuple((_text(name), _text(value)) for name, value in answer.raw_headers)


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _as_decoded(headers: Headers) -> Headers:
    """Return the headers without those that describe the body as it was on the wire."""
    if not any(name.lower() == "content-encoding" for name, _ in headers):
        return headers
    return tuple(pair for pair in headers if pair[0].lower() not in ("content-encoding", "content-length"))


def _connection_problem(error: OSError, hop: Hop) -> str:
    if hop.target.scheme == "https" and isinstance(error, ConnectionResetError):
        return "hung up before the connection was encrypted; check the port, and that it speaks TLS 1.2 or newer"
    return "takes no connections; check the host and port, and whether the service runs"


def _certificate_problem(error: Exception) -> str:
    number = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    return _CERTIFICATE_PROBLEMS.get(number, "shows a certificate that cannot be verified")
