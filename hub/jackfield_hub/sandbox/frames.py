"""Frames between the platform and a worker, over one socketpair.

    u32 total | u32 header length | header | body          big-endian; `total` counts all that follows it

    platform → worker     call · cancel · http_answer · http_kept · http_failed
    worker → platform     ready · load_failed · http · http_file · log · overspent · result

A header is a flat JSON list, `["log", 7, ""]`: the kind, then the fields of that frame in order. A body is raw bytes
and never goes through the codec. What a worker writes is hostile input: every length, kind and field is checked, and
the first one that is wrong breaks the whole connection (FrameBroken). Nothing is repaired.
"""

from __future__ import annotations

import re
import socket
import struct
from typing import Annotated, Any, cast

import msgspec
import orjson
from msgspec import Meta

from jackfield.runner import Wants

MAX_FRAME_BYTES = 16 * 1024 * 1024
MAX_HEADER_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 64
MAX_JSON_VALUES = 500_000
READ_BYTES = 256 * 1024
SOCKET_BUFFER_BYTES = 1024 * 1024

_LENGTHS = struct.Struct(">II")
_TOTAL = struct.Struct(">I")
# Possessive, and a text that never ends is one too: else the rest would be read again from every quote in it.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)

Id = Annotated[int, Meta(gt=0, lt=2**53)]
Status = Annotated[int, Meta(ge=100, le=599)]
Seconds = Annotated[float, Meta(ge=0)]
Size = Annotated[int, Meta(ge=0, le=MAX_FRAME_BYTES)]
Headers = tuple[tuple[str, str], ...]


class FrameBroken(Exception):
    """The other side wrote something that is not a frame. The connection cannot be used any more."""


class Frame(msgspec.Struct, array_like=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """What all frames have. The body is there once the frame has arrived: it travels behind the header, not in it."""

    body: bytes = b""


class Call(Frame, tag="call"):
    """Run one operation. The body is the input, a JSON object."""

    call_id: Id
    operation: str
    base_url: str
    user_data: dict[str, str]
    wants: Wants
    is_checked: bool


class Cancel(Frame, tag="cancel"):
    """Nobody waits for this call any more. It has no body."""

    call_id: Id


class HttpAnswer(Frame, tag="http_answer"):
    """The third party answered request `request_id`. The body is its body."""

    call_id: Id
    request_id: Id
    status: Status
    headers: Headers
    url: str


class HttpKept(Frame, tag="http_kept"):
    """The third party answered, and its body was kept as a file. The body is the reference to it, a JSON object."""

    call_id: Id
    request_id: Id
    status: Status
    headers: Headers
    url: str


class HttpFailed(Frame, tag="http_failed"):
    """Request `request_id` has no answer. `kind` is the class of the error; the body is its message."""

    call_id: Id
    request_id: Id
    kind: str


class Ready(Frame, tag="ready"):
    """The connector is imported. The body is its manifest where one was asked for, else empty."""


class LoadFailed(Frame, tag="load_failed"):
    """The connector cannot be imported. The body is the traceback, for its author."""


class Http(Frame, tag="http"):
    """A handler wants a request sent. The body is the request's body."""

    call_id: Id
    request_id: Id
    method: str
    url: str
    headers: Headers
    timeout_seconds: Seconds | None
    is_idempotent: bool | None


class HttpFile(Frame, tag="http_file"):
    """A handler wants a request sent that has to do with files, whose bytes the platform has.

    `pieces` are what the request's body consists of: URLs of files, and numbers, of bytes to take from the frame's
    body next. Without any the frame's body is the request's. `keep_as` is the name of the file that the answer becomes.
    """

    call_id: Id
    request_id: Id
    method: str
    url: str
    headers: Headers
    timeout_seconds: Seconds | None
    is_idempotent: bool | None
    pieces: list[Size | str]
    keep_as: str | None


class Log(Frame, tag="log"):
    """What a handler printed, or where it failed: for the connector's author. The body is text."""

    call_id: Id


class Overspent(Frame, tag="overspent"):
    """A call has computed for longer than it may, and goes on doing so. It has no body."""

    call_id: Id


class Result(Frame, tag="result"):
    """A call is done. The body is its output, a JSON object. There is one result for a call, never two."""

    call_id: Id
    is_success: bool


Frames = msgspec.json.Decoder[Any]  # reads the headers of some kinds of frames, and no others
TO_WORKER: Frames = msgspec.json.Decoder(Call | Cancel | HttpAnswer | HttpKept | HttpFailed)
FROM_WORKER: Frames = msgspec.json.Decoder(Ready | LoadFailed | Http | HttpFile | Log | Overspent | Result)
_TO_HEADER = msgspec.json.Encoder()


def encode(frame: Frame, body: bytes = b"") -> bytes:
    """Return the frame as bytes. Raises FrameBroken when it is longer than a frame may be."""
    header = _TO_HEADER.encode(frame)
    total = 4 + len(header) + len(body)
    if total > MAX_FRAME_BYTES or len(header) > MAX_HEADER_BYTES:
        raise FrameBroken(f"a frame of {total} bytes is too long")
    return b"".join((_LENGTHS.pack(total, len(header)), header, body))


class Parser:
    """Turns a stream of bytes into frames, as many as each read completes."""

    def __init__(self, accepts: Frames) -> None:
        self._accepts = accepts
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete now, in order. Raises FrameBroken."""
        buffer = self._buffer
        buffer += data
        complete: list[Frame] = []
        start = 0
        with memoryview(buffer) as view:
            while (end := _end_of_frame(view, start)) is not None:
                complete.append(self._frame(view, start, end))
                start = end
        del buffer[:start]
        return complete

    def _frame(self, view: memoryview, start: int, end: int) -> Frame:
        header_start = start + _LENGTHS.size
        header_end = header_start + _TOTAL.unpack_from(view, start + _TOTAL.size)[0]
        if header_end > end or header_end - header_start > MAX_HEADER_BYTES:
            raise FrameBroken(f"a header of {header_end - header_start} bytes")
        try:
            frame = self._accepts.decode(view[header_start:header_end])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise FrameBroken("a header that is none of these frames'") from None
        frame.body = bytes(view[header_end:end])
        return frame


def _end_of_frame(view: memoryview, start: int) -> int | None:
    """Return where the frame at `start` ends, or None while part of it is missing.

    A length that is too long breaks at once: we do not collect what we would not take.
    """
    if len(view) - start < _TOTAL.size:
        return None
    (total,) = _TOTAL.unpack_from(view, start)
    if not _TOTAL.size <= total <= MAX_FRAME_BYTES:
        raise FrameBroken(f"a frame of {total} bytes")
    end = start + _TOTAL.size + total
    return end if end <= len(view) else None


def read(connection: socket.socket, parser: Parser) -> list[Frame]:
    """Wait until something arrives; return the frames it completes.

    Raises EOFError when the other side has closed, and FrameBroken.
    """
    data = connection.recv(READ_BYTES)
    if not data:
        raise EOFError
    return parser.feed(data)


def check_json_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object a worker sent.

    Raises FrameBroken when it is not one, nests deeper than 64 levels, or has more than half a million values: eight
    megabytes of `[[],[],…]` would take hundreds to read.
    """
    _check_count(content)
    try:
        value: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise FrameBroken("a body that is not JSON") from None
    if type(value) is not dict:
        raise FrameBroken("a body that is not a JSON object")
    if _may_be_deep(content) and not is_shallow(value):
        raise FrameBroken(f"a body deeper than {MAX_JSON_DEPTH} levels")
    return cast("dict[str, Any]", value)


def check_extent(content: bytes) -> None:
    """Raise FrameBroken for what `check_json_object` would break on, if this is the text of a JSON object."""
    if _may_be_deep(content):
        check_json_object(content)
    else:
        _check_count(content)


def _check_count(content: bytes) -> None:
    if count_values(content) > MAX_JSON_VALUES:
        raise FrameBroken(f"a body with more than {MAX_JSON_VALUES} values")


def _may_be_deep(content: bytes) -> bool:
    # Counting brackets is quick and settles nearly every body; only many brackets need the walk.
    return content.count(b"{") + content.count(b"[") > MAX_JSON_DEPTH


def count_values(content: bytes) -> int:
    """Return how many values there are at most: exactly, where a quick guess would be too many."""
    if len(content) <= MAX_JSON_VALUES:
        return len(content)
    guess = sum(map(content.count, (b",", b"[", b"{")))
    if guess <= MAX_JSON_VALUES:
        return guess
    bare = _STRINGS.sub(b"", content)
    return sum(map(bare.count, (b",", b"[", b"{")))


def is_shallow(value: Any) -> bool:
    """Return whether a parsed JSON value nests at most 64 levels of objects and lists."""
    level: list[Any] = [value]  # only objects and lists ever get in here
    for _ in range(MAX_JSON_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return True
    return False


def _children(item: Any) -> list[Any]:
    """Return the objects and lists right inside a value."""
    inside = cast("dict[str, Any]", item).values() if type(item) is dict else cast("list[Any]", item)
    return [child for child in inside if type(child) in (dict, list)]
