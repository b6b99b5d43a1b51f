"""Links that open one file for a while: `…/v1/files/<id>?expires=<seconds since 1970>&signature=<64 hex digits>`."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Self

PATH = "/v1/files/"

_LINK = re.compile(
    r"https?://[^/?#]+/v1/files/"
    r"(?P<file_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"\?expires=(?P<expires>[0-9]{1,12})&signature=(?P<signature>[0-9a-f]{64})"
)
# Wherever a signature stands, however the link around it is written: plain, in a query, as JSON in JSON. Those of other
# depots that sign in the same way are known, too (X-Amz-Signature).
_SIGNATURE = re.compile(
    rb"""(signature(?:=|%(?:25)*3d|\\+u003d|\\*"\s*:\s*\\*"))[0-9a-f]{64}(?![0-9a-f])""", re.IGNORECASE
)
_MARK = rb"\1[redacted]"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says. It proves nothing before `is_signed_with`."""

    file_id: str
    expires: int
    signature: str

    @classmethod
    def parse(cls, url: str) -> Self | None:
        """Return what a URL of this form says, whatever its host; None for every other URL."""
        found = _LINK.fullmatch(url)
        return cls(found["file_id"], int(found["expires"]), found["signature"]) if found else None

    def is_signed_with(self, secret: bytes) -> bool:
        """Whether whoever made this link knew the file's secret. Takes the same time for every wrong signature."""
        return hmac.compare_digest(self.signature.encode(), _signature(secret, self.file_id, self.expires).encode())


def link_to(origin: str, file_id: str, expires: int, secret: bytes) -> str:
    """Return the URL that opens the file until then. `origin` is where clients find this hub."""
    return f"{origin}{PATH}{file_id}?expires={expires}&signature={_signature(secret, file_id, expires)}"


def without_signatures(text: bytes) -> bytes:
    """Return the text with links in it that open nothing any more: for what is kept and read by others later."""
    return _SIGNATURE.sub(_MARK, text)


def _signature(secret: bytes, file_id: str, expires: int) -> str:
    return hmac.new(secret, f"GET {file_id} {expires}".encode(), hashlib.sha256).hexdigest()
