"""One request to one address, and its answer: the seam between the engine and whatever HTTP client is under it."""

from __future__ import annotations

import ssl
from typing import NamedTuple, Protocol

from jackfield.egress.policy import Target
from jackfield.egress.streams import Streams
from jackfield.exchange import Headers, Request, Response


class Hop(NamedTuple):
    """A request that has passed every rule. It goes to `address` and nowhere else.

    `headers` are the request's own, signed in; `target` is its URL, which may have a key in its query; `url` is the one
    before signing in, which the answer is given.
    """

    request: Request
    headers: Headers
    target: Target
    url: str
    address: str
    tls: ssl.SSLContext | None = None  #: None: as with everybody
    streams: Streams | None = None  #: where bodies too long for memory come from and go to


class WireFailure(Exception):
    """No usable answer. `reason` ends the sentence "The service at <host> …" and holds nothing a stranger wrote."""

    can_repeat = False

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotConnected(WireFailure):
    """Nothing was sent: another address of the host may do better."""

    can_repeat = True


class BrokenOff(WireFailure):
    """The connection ended before the answer did. Nobody knows whether the request was carried out."""

    can_repeat = True


class TlsFailed(WireFailure):
    """There is no trustworthy encrypted connection to be had."""


class Unusable(WireFailure):
    """There was an answer, and it is not fit to be read: not HTTP, too big, too slow, a compression bomb."""


class Wire(Protocol):
    """An HTTP client reduced to what the engine needs. It follows no redirects and keeps no cookies."""

    async def exchange(self, hop: Hop) -> Response:
        """Return the answer with its body read and decompressed. Raises WireFailure."""
        ...

    async def close(self) -> None: ...
