"""Reads a response body piece by piece, decompressing as it goes and stopping before it is too much."""

from __future__ import annotations

import zlib
from typing import Protocol

from jackfield.egress.limits import MIB, Limits

ACCEPT_ENCODING = "gzip, deflate"

_PIECE_BYTES = 256 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


class BodyRefused(Exception):
    """The body is too big or unreadable. `reason` ends the sentence "The service at … …"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BodyReader(Protocol):
    """Takes a body as it arrives."""

    def feed(self, piece: bytes) -> None: ...

    def take(self) -> bytes:
        """Return what is decompressed so far, and forget it."""
        ...

    def finish(self) -> bytes:
        """Return what was not taken yet. Raises BodyRefused when the body is not complete."""
        ...


def body_reader(content_encoding: str, limits: Limits) -> BodyReader:
    """Return what reads a body in this Content-Encoding. Raises BodyRefused when we never asked for it."""
    coding = content_encoding.strip().lower()
    if coding in ("", "identity"):
        return _PlainReader(limits)
    if coding in ("gzip", "x-gzip", "deflate"):
        return _DeflatedReader(limits, coding)
    raise BodyRefused("compressed its answer in a way we did not ask for")


class _PlainReader:
    def __init__(self, limits: Limits) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._limits = limits

    def feed(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limits.max_raw_bytes:
            raise _too_big(self._limits.max_raw_bytes)
        self._pieces.append(piece)

    def take(self) -> bytes:
        content, self._pieces = b"".join(self._pieces), []
        return content

    def finish(self) -> bytes:
        return b"".join(self._pieces)


class _Inflater(Protocol):
    """What zlib.decompressobj gives; the class itself has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


class _DeflatedReader:
    """gzip (one member or several) and deflate (with or without its zlib header: servers disagree)."""

    def __init__(self, limits: Limits, coding: str) -> None:
        self._limits = limits
        self._is_gzip = coding != "deflate"
        self._inflater: _Inflater | None = None
        self._content = bytearray()
        self._size = 0
        self._raw_bytes = 0
        self._is_over = False

    def feed(self, piece: bytes) -> None:
        self._raw_bytes += len(piece)
        if self._raw_bytes > self._limits.max_raw_bytes:
            raise _too_big(self._limits.max_raw_bytes)
        try:
            while piece and not self._is_over:
                piece = self._inflate(piece)
        except zlib.error:
            raise BodyRefused("sent an answer that cannot be decompressed") from None

    def _inflate(self, piece: bytes) -> bytes:
        """Take one member out of the piece and return what follows it."""
        if self._inflater is None and self._size and not _GZIP_MAGIC.startswith(piece[:2]):
            self._is_over = True  # padding after the end is common, and harmless
            return b""
        inflater = self._inflater = self._inflater or self._new_inflater(piece)
        inflated = inflater.decompress(piece, _PIECE_BYTES)
        self._take(inflated)
        while not inflater.eof and (inflater.unconsumed_tail or len(inflated) == _PIECE_BYTES):
            inflated = inflater.decompress(inflater.unconsumed_tail, _PIECE_BYTES)
            self._take(inflated)
        if not inflater.eof:
            return b""
        self._inflater = None
        self._is_over = not self._is_gzip
        return inflater.unused_data

    def _new_inflater(self, start: bytes) -> _Inflater:
        if self._is_gzip:
            return zlib.decompressobj(wbits=31)
        # RFC 9110 says "deflate" is the zlib format; a good part of the world sends the bare stream.
        has_zlib_header = start[0] & 0x0F == 8 and (len(start) < 2 or (start[0] * 256 + start[1]) % 31 == 0)
        return zlib.decompressobj(wbits=15 if has_zlib_header else -15)

    def _take(self, inflated: bytes) -> None:
        self._content += inflated
        size = self._size = self._size + len(inflated)
        if size > self._limits.max_body_bytes:
            raise _too_big(self._limits.max_body_bytes)
        if size > MIB and size > self._limits.max_ratio * self._raw_bytes:
            raise BodyRefused(f"sent an answer that grows more than {self._limits.max_ratio} times when decompressed")

    def take(self) -> bytes:
        content, self._content = self._content, bytearray()
        return bytes(content)

    def finish(self) -> bytes:
        if self._inflater is not None:
            raise BodyRefused("broke off in the middle of its answer")
        return bytes(self._content)


def _too_big(limit: int) -> BodyRefused:
    return BodyRefused(f"sent more than {limit:,} bytes; ask it for less at a time, such as one page or fewer fields")
