"""HTTP on a socket, a little more patient than uvicorn's own: what real clients send, they get answered.

- Bytes after a complete request that are no request (the official command sends `{}` after a GET): the request is
  answered, then the connection is closed.
- An absolute target (`GET http://hub/path HTTP/1.1`, what a client sends to a proxy) is served like `GET /path`.
- What is no HTTP at all is answered 400, in JSON like every other refusal. So is a head without end: 431.
"""

from __future__ import annotations

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from jackfield_hub.errors import HeadTooLarge, InvalidInput, Refused
from jackfield_hub.front_door import new_request_id

MAX_HEAD_BYTES = 64 * 1024

_NO_HTTP = InvalidInput("This is not an HTTP request")
_TOO_LONG = HeadTooLarge("The head of the request is too long; send less in headers and query")


class JackfieldProtocol(HttpToolsProtocol):
    """One connection of a client."""

    _head_bytes = 0  #: how much of a request has come without its head being complete
    _is_in_head = False
    _is_over = False  #: nothing more is read from this connection

    def data_received(self, data: bytes) -> None:
        if self._is_over or self.parser is None:
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end_reading()  # nobody speaks another protocol here: what follows the request is left unread
        except httptools.HttpParserError:
            self._stop_at_nonsense()
        else:
            self._watch_head(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self.url = _path_of(self.url)
        super().on_headers_complete()

    def _watch_head(self, more_bytes: int) -> None:
        if self._is_in_head:
            self._head_bytes += more_bytes
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(_TOO_LONG)

    def _stop_at_nonsense(self) -> None:
        """Nothing that follows can be read. What was complete before is still answered."""
        if self._is_last_request_complete() and self.cycle.response_complete and not self.url:
            self._close()  # not even a method and a target: nobody waits for an answer to this
        else:
            self._refuse(_NO_HTTP)

    def _is_last_request_complete(self) -> bool:
        return self._has_a_request() and not self.cycle.more_body

    def _has_a_request(self) -> bool:
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
        is_answering = self._has_a_request() and self.cycle.response_started and not self.cycle.response_complete
        if not self.pipeline and not is_answering:
            self._send(refusal)
        self._close()

    def _send(self, refusal: Refused) -> None:
        body = refusal.to_bytes()
        head = (
            b"content-type: application/json\r\nx-request-id: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        ) % (new_request_id().encode(), len(body))
        self.transport.write(STATUS_LINE[refusal.status] + head + body)


def _path_of(target: bytes) -> bytes:
    """Return the path and query of an absolute target; any other target as it is."""
    if not target.lower().startswith((b"http://", b"https://")):
        return target
    parts = httptools.parse_url(target)
    query = b"?" + parts.query if parts.query else b""
    return (parts.path or b"/") + query
