"""HTTP on a socket, a little more patient than uvicorn's own: what real clients send, they get answered.

- Bytes after a complete request that are no request (the official command sends `{}` after a GET): the request is
  answered, then the connection is closed.
- An absolute target (`GET http://hub/path HTTP/1.1`, what a client sends to a proxy) is served like `GET /path`.
- What is no HTTP at all is answered 400, in JSON like every other refusal. So is a head without end: 431.

And less patient with clients that only want to keep us busy: they may not send for ever, not wait for ever, not ask
ever more ahead of our answers, and not say anything of weight after the body of a request.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from jackfield_hub.errors import HeadTooLarge, InvalidInput, Refused, Unavailable
from jackfield_hub.front_door import WHOLE_ANSWER, new_request_id

MAX_HEAD_BYTES = 64 * 1024
MAX_CONNECTIONS = 20_000
MAX_REQUESTS_AHEAD = 100  # sent before their predecessors are answered

_EXTENSIONS: dict[str, dict[object, object]] = {WHOLE_ANSWER: {}}
_NO_HTTP = InvalidInput("This is not an HTTP request")
_TOO_MANY = Unavailable("The hub has as many connections as it may; try again in a moment")
_TOO_LONG = HeadTooLarge("The head of the request is too long; send less in headers and query")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may keep us waiting."""

    seconds: float = 30.0  #: for the head of a request, and for what follows in the middle of a body or an answer
    least_bytes: int = 15_000  #: what has to follow in that time
    kept_seconds: float = 65.0  #: for another request after an answer: longer than a proxy keeps a connection


class Wait(StrEnum):
    """What a connection waits for the client to do."""

    ASK = "ask"  #: to send the head of a request
    ASK_AGAIN = "ask again"  #: the same, after an answer
    GO_ON = "go on"  #: to send its body
    END = "end"  #: to send the rest of a body that has been answered already
    READ = "read"  #: to read what we have written


class OneWrite:
    """What an answer is written to. Its head waits for the first of its body: one write costs half of two."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = b""

    def write(self, content: bytes) -> None:
        """Write a piece of the answer; the first one is its head."""
        if self._head is None:
            self._transport.write(content)
        elif not self._head:
            self._head = content
        else:
            content, self._head = self._head + content, None
            self._transport.write(content)

    def close(self) -> None:
        if self._head:
            self._transport.write(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()


class Cycle(RequestResponseCycle):
    """One request and its answer. It may come whole, in one message (front_door.WHOLE_ANSWER)."""

    async def send(self, message: Any) -> None:
        if message["type"] == WHOLE_ANSWER:
            await self._send_whole(message)
            return
        if not self.response_started and self.scope["method"] != "HEAD":  # whose answers have nothing after the head
            self.transport = cast("asyncio.Transport", OneWrite(self.transport))  # all that is used of it
        await super().send(message)

    async def _send_whole(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        self.transport.write(self._head_of(message) + message["body"])
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _head_of(self, message: Any) -> bytes:
        headers = [b"%b: %b\r\n" % header for header in (*self.default_headers, *message["headers"])]
        goodbye = b"" if self.keep_alive else b"connection: close\r\n"
        about = b"content-type: application/json\r\ncontent-length: %d\r\n%b\r\n" % (len(message["body"]), goodbye)
        return b"".join([STATUS_LINE[message["status"]], *headers, about])


class TooFarAhead(Exception):
    """The client has sent more requests than it may before reading their answers."""


class JackfieldProtocol(HttpToolsProtocol):
    """One connection of a client."""

    _idle_bytes = 0  #: how much has come since a request began, or went on, that was not its body
    _is_in_head = False
    _is_whole = True  #: the last request has come to its end
    _has_moved = False  #: by what has just come
    _has_answered = False  #: since anything came
    _is_over = False  #: nothing more is read from this connection
    _is_leaving = False  #: the next answer is the last

    _begun = _taken_bytes = 0  #: how many requests have begun here, how many bytes have come
    _waiting: tuple[Wait, int] | None = None
    _waiting_since = 0.0
    _marked_bytes = 0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        count_refusal: Callable[[Refused], None],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._count_refusal = count_refusal  # of what never becomes a request, so that nobody else sees it

    # uvicorn says that only such a transport comes here; asyncio's protocols take any.
    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            self._send(_TOO_MANY)
            self._close()

    def data_received(self, data: bytes) -> None:
        self._taken_bytes += len(data)
        if self._is_over or self.parser is None:
            return
        self._has_answered = self._has_moved = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end_reading()  # nobody speaks another protocol here: what follows the request is left unread
        except httptools.HttpParserError:
            self._stop_at_nonsense()
        else:
            self._watch_idle_bytes(len(data))

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MAX_REQUESTS_AHEAD:
            raise TooFarAhead  # the parser stops here; what came before is answered, then the connection is closed
        super().on_message_begin()
        self._begun += 1
        self._is_in_head, self._is_whole = True, False
        self._idle_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # not what follows a body: it would speak for the client where no proxy has looked
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head, self._has_moved = False, True
        self.url = _path_of(self.url)
        self.scope["extensions"] = _EXTENSIONS
        super().on_headers_complete()
        self.cycle.__class__ = Cycle  # uvicorn makes it, and cannot be told which one to make
        if self._is_leaving:
            self.leave()

    def on_body(self, body: bytes) -> None:
        self._has_moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_whole = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.pipeline:
            super().on_response_complete()
            return
        # Without uvicorn's timer, which would be set and stopped for each answer: `look` sees to that.
        self.server_state.total_requests += 1
        self._has_answered = True
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def leave(self) -> None:
        """Close after the next answer, which says so. Whoever has just sent a request is still served."""
        self._is_leaving = True
        if self._has_a_request() and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def look(self, now: float, patience: Patience) -> None:
        """Let a client go that keeps us waiting for too long. To be called every now and then (`now` in seconds)."""
        wait = self._wait()
        if wait is None or (wait, self._begun) != self._waiting:
            self._begin_to_wait(wait, now)
        elif wait is Wait.ASK_AGAIN:
            if now - self._waiting_since >= patience.kept_seconds:
                self.transport.close()
        elif now - self._waiting_since >= patience.seconds:
            if wait in (Wait.ASK, Wait.END) or self._progress(wait) < patience.least_bytes:
                self._is_over = True
                self.transport.abort()
            else:
                self._begin_to_wait(wait, now)

    def resume_writing(self) -> None:
        self._waiting = None  # the client reads
        super().resume_writing()

    def _wait(self) -> Wait | None:
        if self.transport.get_write_buffer_size():
            return Wait.READ
        is_unanswered = self._has_a_request() and not self.cycle.response_complete
        if self._is_in_head or self._is_whole:
            if is_unanswered:
                return None
            return Wait.ASK_AGAIN if self._has_answered else Wait.ASK
        if not is_unanswered:
            return Wait.END
        return None if self.flow.read_paused else Wait.GO_ON

    def _begin_to_wait(self, wait: Wait | None, now: float) -> None:
        self._waiting = None if wait is None else (wait, self._begun)
        self._waiting_since = now
        self._marked_bytes = self._bytes_of(wait)

    def _progress(self, wait: Wait) -> int:
        return self._bytes_of(wait) - self._marked_bytes

    def _bytes_of(self, wait: Wait | None) -> int:
        """Return a number that grows by a byte with every byte the client takes, or else sends."""
        return -self.transport.get_write_buffer_size() if wait is Wait.READ else self._taken_bytes

    def _watch_idle_bytes(self, more_bytes: int) -> None:
        """Refuse a head without end, and what may stand between and after the pieces of a body without end."""
        if self._has_moved or self._is_whole:
            self._idle_bytes = 0
            return
        self._idle_bytes += more_bytes
        if self._idle_bytes > MAX_HEAD_BYTES:
            self._refuse(_TOO_LONG)

    def _stop_at_nonsense(self) -> None:
        """Nothing that follows can be read. What was complete before is still answered."""
        if self._is_last_request_complete() and self.cycle.response_complete and not self.url:
            self._close()  # not even a method and a target: nobody waits for an answer to this
        else:
            self._refuse(_NO_HTTP)

    def _is_last_request_complete(self) -> bool:
        return self._has_a_request() and (self._is_in_head or self._is_whole)

    def _has_a_request(self) -> bool:
        # uvicorn sets it to None, and does not say so in its types.
        return self.cycle is not None  # pyright: ignore[reportUnnecessaryComparison]

    def _end_reading(self) -> None:
        """Answer what we have, and close after the last answer."""
        self._is_over = True
        self.cycle.keep_alive = False

    def _close(self) -> None:
        self._is_over = True
        self.transport.close()

    def _refuse(self, refusal: Refused) -> None:
        """Answer what is being read with a refusal, unless another answer is still to come or on its way out."""
        if self._is_last_request_complete() and not self.cycle.response_complete:
            self._end_reading()
            return
        is_answered = self._has_a_request() and not self._is_last_request_complete() and self.cycle.response_started
        if not self.pipeline and not is_answered:
            self._send(refusal)
        self._close()

    def _send(self, refusal: Refused) -> None:
        self._count_refusal(refusal)
        body = refusal.to_bytes()
        head = (
            b"content-type: application/json\r\nx-request-id: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        ) % (new_request_id().encode(), len(body))
        self.transport.write(STATUS_LINE[refusal.status] + head + body)


def most_connections() -> int:
    """Return how many clients may be connected. A quarter of all descriptors is for databases and third parties."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_CONNECTIONS, descriptors * 3 // 4) if descriptors > 0 else MAX_CONNECTIONS


def _path_of(target: bytes) -> bytes:
    """Return the path and query of an absolute target; any other target as it is."""
    if not target.lower().startswith((b"http://", b"https://")):
        return target
    parts = httptools.parse_url(target)
    query = b"?" + parts.query if parts.query else b""
    return (parts.path or b"/") + query
