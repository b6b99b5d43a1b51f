"""Takes secrets out of whatever is about to be seen: answers, logs, recordings."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import quote, quote_plus

from jackfield.exchange import Headers, Json, Request, Response

MARK = "[redacted]"
KNOWN_SECONDS = 3.0
MAX_KNOWN = 1000

#: A shorter secret is part of too many ordinary words: taking it out would make answers unreadable.
MIN_SECRET_CHARACTERS = 6
_MIN_BASE64_CORE = 6
# The bytes of secrets, and of their spellings, from those that are rare in JSON to those that are everywhere.
_COMMON = b"%\\&+QZXJKYVWzjqUHxGBFkPMDLNOwRvyICgSfbETApu987643mhdclrn250sto1ia_-./e"
_IS_ALWAYS_ITSELF = re.compile(r"[A-Za-z0-9_.~-]+")  # neither JSON, HTML nor URLs write these in another way


class Redactor:
    """Replaces every spelling of some secrets by `[redacted]`. Make it with `redactor`."""

    def __init__(self, spellings: Iterable[str]) -> None:
        # Longest first: a spelling may hold another one, and half a secret must not stay behind.
        self._texts = sorted(spellings, key=len, reverse=True)
        self._bytes = [text.encode(errors="surrogatepass") for text in self._texts]
        self._needles: defaultdict[bytes, list[bytes]] = defaultdict(list)  #: spellings by their rarest byte
        for spelling in self._bytes:
            self._needles[_rarest_byte(spelling)].append(spelling)
        self.longest = max(map(len, self._bytes), default=0)  #: of all spellings, in bytes

    def text(self, text: str) -> str:
        for spelling in self._texts:
            if spelling in text:
                text = text.replace(spelling, MARK)
        return text

    def content(self, content: bytes) -> bytes:
        for spelling in self._bytes:
            if spelling in content:
                content = content.replace(spelling, MARK.encode())
        return content

    def json(self, value: Json) -> Json:
        """Return the JSON value with every text in it redacted, names of fields too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {self.text(str(name)): self.json(item) for name, item in cast("dict[Any, Any]", value).items()}
        return value

    def headers(self, headers: Headers) -> Headers:
        return tuple((self.text(name), self.text(value)) for name, value in headers)

    def response(self, response: Response) -> Response:
        if not self._texts:
            return response
        # Nearly every answer is clean: one look at it is cheaper than a new one.
        seen = "\n".join([response.url, *map("\n".join, response.headers)]).encode(errors="surrogatepass")
        if not self._is_in(seen) and not self._is_in(response.body):
            return response
        return Response(
            status=response.status,
            headers=self.headers(response.headers),
            body=self.content(response.body),
            url=self.text(response.url),
        )

    def _is_in(self, content: bytes) -> bool:
        # To see that a byte is nowhere takes a tenth of the time it takes for a text: most spellings end there.
        for rarest, spellings in self._needles.items():
            if rarest in content:
                for spelling in spellings:  # `any` with a generator takes twice as long
                    if spelling in content:
                        return True
        return False

    def request(self, request: Request) -> Request:
        return Request(
            method=request.method,
            url=self.text(request.url),
            headers=self.headers(request.headers),
            body=self.content(request.body),
            timeout_seconds=request.timeout_seconds,
            is_idempotent=request.is_idempotent,
        )


class Redactors:
    """The redactors of the last few seconds. Belongs to one event loop.

    Spelling out a secret takes about as long as sending a request, and calls of one auth come in bursts. What knows the
    spellings knows the secret, so it is forgotten a few seconds later, used or not: about as long as a freed text stays
    readable in Python's memory anyway.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Redactor] = {}

    def of(self, secrets: Iterable[str]) -> Redactor:
        """Return what takes these secrets out."""
        key = tuple(secrets)
        known = self._known.get(key)
        if known is None:
            known = redactor(key)
            if len(self._known) < MAX_KNOWN:
                self._known[key] = known
                asyncio.get_running_loop().call_later(KNOWN_SECONDS, self._known.pop, key, None)
        return known


def redactor(secrets: Iterable[str]) -> Redactor:
    """Return what takes these secrets out of texts, bytes, JSON, requests and responses.

    It knows a secret as it is, percent-encoded, JSON- and HTML-escaped, in hexadecimal, and in base64, also in the
    middle of a longer base64 text, and most of these inside one another. Base64 in base64 it knows where the inner one
    holds the secret and nothing else. All of that once more for what becomes of letters beyond ASCII where somebody
    takes UTF-8 for Latin-1. Secrets under six characters are left alone.
    """
    spellings: set[str] = set()
    # A header loses the spaces at its ends on the way, and so does the secret in it.
    for secret in {form for given in secrets for form in (given, given.strip())}:
        if len(secret) >= MIN_SECRET_CHARACTERS:
            spellings |= _spellings(secret)
            if not secret.isascii():
                spellings |= _spellings(_read_as_latin_1(secret))
    return Redactor(spellings)


def _rarest_byte(spelling: bytes) -> bytes:
    """Return the byte of a spelling that fewest answers have in them."""
    return bytes([min(set(spelling), key=_COMMON.find)])


def _read_as_latin_1(secret: str) -> str:
    """Return `sÃ©cret` for `sécret`. Servers read headers so, as HTTP long said they are written."""
    return secret.encode(errors="surrogatepass").decode("latin-1")


def _spellings(secret: str) -> set[str]:
    content = secret.encode(errors="surrogatepass")
    every_byte = f"%{content.hex('%')}"
    spellings = {secret, content.hex(), content.hex().upper(), every_byte, every_byte.upper()}
    in_base64 = _base64_spellings(content)
    # Once more in base64, as a whole: three spellings. In the middle of something else it could be any of nine.
    for whole in {base64.b64encode(content), base64.urlsafe_b64encode(content)}:
        in_base64 |= _base64_spellings(whole.rstrip(b"="))
    for again in in_base64.copy():
        in_base64 |= {quote(again, safe=""), again.replace("/", "\\/")}
    if not _IS_ALWAYS_ITSELF.fullmatch(secret):
        escaped = _escaped(secret, content)
        spellings |= escaped
        for again in escaped - {secret}:
            spellings |= _twice(again)
    return spellings | in_base64


def _twice(escaped: str) -> set[str]:
    """Return what becomes of an escaped secret inside of a text that is encoded itself: JSON in JSON, and the like."""
    content = escaped.encode(errors="surrogatepass")
    in_json = json.dumps(escaped)[1:-1]
    once_more = {in_json, in_json.replace("/", "\\/"), html.escape(escaped), quote(content, safe="")}
    return once_more | _base64_spellings(content)


def _escaped(secret: str, content: bytes) -> set[str]:
    in_json = json.dumps(secret)[1:-1]
    spellings = {
        in_json,
        in_json.replace("/", "\\/"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
    }
    for encoded in (quote(content, safe=""), quote(content), quote_plus(content)):
        spellings |= {encoded, _lower_hex(encoded)}
    return spellings


def _lower_hex(encoded: str) -> str:
    first, *rest = encoded.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _base64_spellings(content: bytes) -> set[str]:
    """Return the secret in base64 wherever it starts in the encoded text: its middle is one of three texts."""
    spellings: set[str] = set()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + content).decode()
        # The first characters also depend on what stands before the secret, the last ones on what follows it.
        start = (0, 2, 3)[offset]
        end = (offset + len(content)) * 8 // 6
        core = encoded[start:end]
        if len(core) >= _MIN_BASE64_CORE:
            spellings |= {core, core.replace("+", "-").replace("/", "_")}
    return spellings
