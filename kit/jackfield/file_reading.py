"""Reading a file by reference, a piece at a time: an ordinary request for a range of it.

Whoever sends the request knows the file; it goes to no third party and is signed by nobody.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, Self

from jackfield.errors import PlatformError
from jackfield.exchange import FileUse, Request, Response, Transport
from jackfield.shapes import File

PIECE_BYTES = 4 * 1024 * 1024
_PARTIAL, _OUTSIDE = 206, 416
_TOTAL = re.compile(r"bytes (?:[0-9]+-[0-9]+|\*)/([0-9]+)")


@dataclass(frozen=True)
class Piece:
    """Some bytes of a file, and how many the whole file has."""

    content: bytes
    size: int

    @classmethod
    def of(cls, response: Response) -> Self:
        """Return what an answer holds. Raises PlatformError when the file cannot be read any more."""
        total = _TOTAL.fullmatch(response.header("Content-Range") or "")
        if response.status == _PARTIAL and total:
            return cls(response.body, int(total[1]))
        if response.status == _OUTSIDE and total:
            return cls(b"", int(total[1]))
        if response.status == 200:
            return cls(response.body, len(response.body))
        raise PlatformError(f"The file cannot be read ({response.status}): it may have expired.")


def piece_of(file: File, start: int) -> Request:
    """Return the request for the next bytes of a file."""
    return Request("GET", file.url, (("Range", f"bytes={start}-{start + PIECE_BYTES - 1}"),))


def keeping(name: str, content: bytes, mime_type: str) -> Request:
    """Return the request to keep bytes as a file."""
    return Request("PUT", "", (("Content-Type", mime_type),), content, files=FileUse(keep_as=name))


class FileReader(io.RawIOBase):
    """A file by reference as Python's own files are. It holds one piece at a time."""

    def __init__(self, transport: Transport, file: File) -> None:
        self._transport = transport
        self._file = file
        self._position = 0
        self._start = 0  # of the piece we have
        self._piece: Piece | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            offset += (self._piece or self._ask()).size
        elif whence == io.SEEK_CUR:
            offset += self._position
        self._position = max(0, offset)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        piece = self._piece or self._ask()
        if self._position >= piece.size:
            return 0
        if not self._start <= self._position < self._start + len(piece.content):
            piece = self._ask()
        content = piece.content[self._position - self._start :][: len(buffer)]
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def _ask(self) -> Piece:
        """Get the piece that begins at the position."""
        self._piece, self._start = None, self._position  # before: two pieces at once would be twice the memory
        piece = self._piece = Piece.of(self._transport.send(piece_of(self._file, self._position)))
        return piece
