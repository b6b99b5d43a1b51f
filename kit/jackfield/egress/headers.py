"""Which headers a connector may set, and how they must look. Line breaks would let an input write a second request."""

from __future__ import annotations

import re
from functools import lru_cache

from jackfield.errors import NotAllowed
from jackfield.exchange import Headers

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")

#: Set by the engine alone: they frame the request, or belong to one connection.
_KEPT_BY_ENGINE = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

#: Whatever says who is asking. These stay behind when a redirect leads to another origin.
_IDENTIFYING = frozenset({"authorization", "cookie", "x-api-key", "api-key", "x-auth-token"})


@lru_cache(maxsize=10_000)  # there are few names
def is_header_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def is_header_value(value: str) -> bool:
    # Nearly every value is printable ASCII, which takes no regular expression to see.
    return (value.isascii() and value.isprintable()) or _VALUE.fullmatch(value) is not None


def checked_headers(headers: Headers) -> Headers:
    """Return the headers without those only the engine may set. Raises NotAllowed when one is malformed."""
    kept: list[tuple[str, str]] = []
    for pair in headers:
        name, value = pair
        if not is_header_name(name):
            raise NotAllowed("A header name may hold letters, digits and hyphens only.")
        if not is_header_value(value):
            raise NotAllowed(f'The header "{name}" holds a line break or another control character.')
        if not _is_kept_by_engine(name):
            kept.append(pair)
    return tuple(kept)


def has_header(headers: Headers, lower_name: str) -> bool:
    """Say whether there is a header of this name, in whatever case."""
    for name, _ in headers:  # noqa: SIM110 - `any` with a generator takes twice as long
        if name.lower() == lower_name:
            return True
    return False


@lru_cache(maxsize=10_000)
def _is_kept_by_engine(name: str) -> bool:
    return name.lower() in _KEPT_BY_ENGINE


def anonymous_headers(headers: Headers) -> Headers:
    """Return the headers without those that say who is asking."""
    return tuple((name, value) for name, value in headers if name.lower() not in _IDENTIFYING)
