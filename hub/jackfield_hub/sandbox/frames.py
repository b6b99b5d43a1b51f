"""Frames between the platform and a worker, over one socketpair.

    u32 total | u32 header length | header | body          big-endian; `total` counts all that follows it

    platform → worker     call · cancel · http_answer · http_kept · http_failed
    worker → platform     ready · load_failed · http · http_file · log · overspent · result

A header is a flat JSON list, `["log", 7]`: the kind, then the fields of that frame in order. A body is raw bytes and
never goes through the codec. What a worker writes is hostile input: every length, kind and field is checked, and
the first one that is wrong breaks the whole connection (FrameBroken). Nothing is repaired.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple, cast

import orjson

from jackfield.exchange import Headers

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


class FrameBroken(Exception):
    """The other side wrote something that is not a frame. The connection cannot be used any more."""


class Call(NamedTuple):
    """Run one operation. The body is the input, a JSON object."""

    call_id: int
    operation: str
    base_url: str
    user_data: Mapping[str, str]
    wants: str
    is_checked: bool
    body: bytes


class Cancel(NamedTuple):
    """Nobody waits for this call any more. It has no body."""

    call_id: int
    body: bytes


class HttpAnswer(NamedTuple):
    """The third party answered request `request_id`. The body is its body."""

    call_id: int
    request_id: int
    status: int
    headers: Headers
    url: str
    body: bytes


class HttpKept(NamedTuple):
    """The third party answered, and its body was kept as a file. The body is the reference to it, a JSON object."""

    call_id: int
    request_id: int
    status: int
    headers: Headers
    url: str
    body: bytes


class HttpFailed(NamedTuple):
    """Request `request_id` has no answer. `kind` is the class of the error; the body is its message."""

    call_id: int
    request_id: int
    kind: str
    body: bytes


class Ready(NamedTuple):
    """The connector is imported. The body is its manifest where one was asked for, else empty."""

    body: bytes


class LoadFailed(NamedTuple):
    """The connector cannot be imported. The body is the traceback, for its author."""

    body: bytes


class Http(NamedTuple):
    """A handler wants a request sent. The body is the request's body."""

    call_id: int
    request_id: int
    method: str
    url: str
    headers: Headers
    timeout_seconds: float | None
    is_idempotent: bool | None
    body: bytes


class HttpFile(NamedTuple):
    """A handler wants a request sent that has to do with files, whose bytes the platform has.

    `pieces` are what the request's body consists of: URLs of files, and numbers, of bytes to take from the frame's
    body next. Without any the frame's body is the request's. `keep_as` is the name of the file that the answer becomes.
    """

    call_id: int
    request_id: int
    method: str
    url: str
    headers: Headers
    timeout_seconds: float | None
    is_idempotent: bool | None
    pieces: list[int | str]
    keep_as: str | None
    body: bytes


class Log(NamedTuple):
    """What a handler printed, or where it failed: for the connector's author. The body is text."""

    call_id: int
    body: bytes


class Overspent(NamedTuple):
    """A call has computed for longer than it may, and goes on doing so. It has no body."""

    call_id: int
    body: bytes


class Result(NamedTuple):
    """A call is done. The body is its output, a JSON object. There is one result for a call, never two."""

    call_id: int
    is_success: bool
    body: bytes


Frame = (
    Call | Cancel | HttpAnswer | HttpKept | HttpFailed | Ready | LoadFailed | Http | HttpFile | Log | Overspent | Result
)


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**53


def _is_status(value: Any) -> bool:
    return type(value) is int and 100 <= value <= 599


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_maybe_flag(value: Any) -> bool:
    return value is None or type(value) is bool


def _is_maybe_seconds(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and isfinite(value) and value >= 0)


def _is_maybe_text(value: Any) -> bool:
    return value is None or type(value) is str


def _is_pieces(value: Any) -> bool:
    return type(value) is list and all(_is_piece(piece) for piece in cast("list[Any]", value))


def _is_piece(value: Any) -> bool:
    return type(value) is str or (type(value) is int and 0 <= value <= MAX_FRAME_BYTES)


def _is_texts(value: Any) -> bool:
    return type(value) is dict and all(type(text) is str for text in cast("dict[str, Any]", value).values())


def _is_headers(value: Any) -> bool:
    return type(value) is list and all(_is_pair(pair) for pair in cast("list[Any]", value))


def _is_pair(value: Any) -> bool:
    if type(value) is not list:
        return False
    pair = cast("list[Any]", value)
    return len(pair) == 2 and type(pair[0]) is str and type(pair[1]) is str


class _Shape(NamedTuple):
    kind: str
    frame: Callable[..., Frame]
    checks: tuple[Callable[[Any], bool], ...]


_CALL = _Shape("call", Call, (_is_id, _is_text, _is_text, _is_texts, _is_text, _is_flag))
_CANCEL = _Shape("cancel", Cancel, (_is_id,))
_HTTP_ANSWER = _Shape("http_answer", HttpAnswer, (_is_id, _is_id, _is_status, _is_headers, _is_text))
_HTTP_KEPT = _Shape("http_kept", HttpKept, _HTTP_ANSWER.checks)
_HTTP_FAILED = _Shape("http_failed", HttpFailed, (_is_id, _is_id, _is_text))
_READY = _Shape("ready", Ready, ())
_LOAD_FAILED = _Shape("load_failed", LoadFailed, ())
_HTTP = _Shape("http", Http, (_is_id, _is_id, _is_text, _is_text, _is_headers, _is_maybe_seconds, _is_maybe_flag))
_HTTP_FILE = _Shape("http_file", HttpFile, (*_HTTP.checks, _is_pieces, _is_maybe_text))
_LOG = _Shape("log", Log, (_is_id,))
_OVERSPENT = _Shape("overspent", Overspent, (_is_id,))
_RESULT = _Shape("result", Result, (_is_id, _is_flag))

Shapes = Mapping[str, _Shape]
TO_WORKER: Shapes = {shape.kind: shape for shape in (_CALL, _CANCEL, _HTTP_ANSWER, _HTTP_KEPT, _HTTP_FAILED)}
FROM_WORKER: Shapes = {
    shape.kind: shape for shape in (_READY, _LOAD_FAILED, _HTTP, _HTTP_FILE, _LOG, _OVERSPENT, _RESULT)
}

_KINDS: dict[Any, str] = {shape.frame: kind for kind, shape in {**TO_WORKER, **FROM_WORKER}.items()}


def encode(frame: Frame) -> bytes:
    """Return the frame as bytes. Raises FrameBroken when it is longer than a frame may be."""
    body = frame.body
    header = orjson.dumps((_KINDS[type(frame)], *frame[:-1]))
    total = 4 + len(header) + len(body)
    if total > MAX_FRAME_BYTES or len(header) > MAX_HEADER_BYTES:
        raise FrameBroken(f"a frame of {total} bytes is too long")
    return b"%b%b%b" % (_LENGTHS.pack(total, len(header)), header, body)


class Parser:
    """Turns a stream of bytes into frames, as many as each read completes."""

    def __init__(self, accepts: Shapes) -> None:
        self._accepts = accepts
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete now, in order. Raises FrameBroken."""
        buffer = self._buffer
        buffer += data
        complete: list[Frame] = []
        start = 0
        while (end := self._end_of_frame(start)) is not None:
            complete.append(self._decode(start, end))
            start = end
        del buffer[:start]
        return complete

    def _end_of_frame(self, start: int) -> int | None:
        """Return where the frame at `start` ends, or None while part of it is missing.

        A length that is too long breaks at once: we do not collect what we would not take.
        """
        if len(self._buffer) - start < 4:
            return None
        (total,) = _TOTAL.unpack_from(self._buffer, start)
        if not 4 <= total <= MAX_FRAME_BYTES:
            raise FrameBroken(f"a frame of {total} bytes")
        end = start + 4 + total
        return end if end <= len(self._buffer) else None

    def _decode(self, start: int, end: int) -> Frame:
        _, header_length = _LENGTHS.unpack_from(self._buffer, start)
        header_start = start + _LENGTHS.size
        if header_length > MAX_HEADER_BYTES or header_start + header_length > end:
            raise FrameBroken(f"a header of {header_length} bytes")
        with memoryview(self._buffer) as view:
            header = bytes(view[header_start : header_start + header_length])
            body = bytes(view[header_start + header_length : end])
        return self._frame(header, body)

    def _frame(self, header: bytes, body: bytes) -> Frame:
        fields = _fields(header)
        shape = self._accepts.get(fields[0])
        if shape is None:
            raise FrameBroken(f"a frame of kind {fields[0]!r:.40}")
        values = fields[1:]
        if len(values) != len(shape.checks):
            raise FrameBroken(f"a {shape.kind} frame with {len(values)} fields")
        for check, value in zip(shape.checks, values, strict=True):
            if not check(value):
                raise FrameBroken(f"a {shape.kind} frame with {value!r:.40} in it")
        return shape.frame(*values, body)


def _fields(header: bytes) -> list[Any]:
    """Return the header's list; its first item is a text. Raises FrameBroken."""
    try:
        value: Any = orjson.loads(header)
    except orjson.JSONDecodeError:
        raise FrameBroken("a header that is not JSON") from None
    fields = cast("list[Any]", value if type(value) is list else [])
    if not fields or type(fields[0]) is not str:
        raise FrameBroken("a header that is not a list")
    return fields


def read_frames(connection: socket.socket, parser: Parser) -> Iterator[list[Frame]]:
    """Yield what each blocking read completes, until the other side closes. Raises FrameBroken."""
    while data := connection.recv(READ_BYTES):
        yield parser.feed(data)


def check_json_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object a worker sent.

    Raises FrameBroken when it is not one, nests deeper than 64 levels, or has more than half a million values: eight
    megabytes of `[[],[],…]` would take hundreds to read.
    """
    if count_values(content) > MAX_JSON_VALUES:
        raise FrameBroken(f"a body with more than {MAX_JSON_VALUES} values")
    try:
        value: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise FrameBroken("a body that is not JSON") from None
    if type(value) is not dict:
        raise FrameBroken("a body that is not a JSON object")
    # Counting brackets is quick and settles nearly every body; only many brackets need the walk.
    if content.count(b"{") + content.count(b"[") > MAX_JSON_DEPTH and not is_shallow(value):
        raise FrameBroken(f"a body deeper than {MAX_JSON_DEPTH} levels")
    return cast("dict[str, Any]", value)


def count_values(content: bytes) -> int:
    """Return how many values there are at most: exactly, where a quick guess would be too many."""
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
