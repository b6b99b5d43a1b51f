"""Requests that have to do with files, as frames: the bytes of the files are in none of them."""

from __future__ import annotations

import orjson

from jackfield.exchange import FileUse, Request, Response
from jackfield_hub.sandbox import frames


def file_frame(call_id: int, request_id: int, request: Request, use: FileUse) -> frames.HttpFile:
    """Return the frame of a request that has to do with files."""
    held = [part for part in use.parts if isinstance(part, bytes)]
    return frames.HttpFile(
        call_id,
        request_id,
        request.method,
        request.url,
        request.headers,
        request.timeout_seconds,
        request.is_idempotent,
        [len(part) if isinstance(part, bytes) else part for part in use.parts],
        use.keep_as,
        b"".join(held) if use.parts else request.body,
    )


def request_of(frame: frames.Http | frames.HttpFile) -> Request:
    """Return the request a worker wants sent. Raises FrameBroken when its pieces do not make up its body."""
    headers = tuple((name, value) for name, value in frame.headers)
    if isinstance(frame, frames.Http):
        return Request(frame.method, frame.url, headers, frame.body, frame.timeout_seconds, frame.is_idempotent)
    use = FileUse(_parts(frame), frame.keep_as)
    body = b"" if frame.pieces else frame.body
    return Request(frame.method, frame.url, headers, body, frame.timeout_seconds, frame.is_idempotent, use)


def _parts(frame: frames.HttpFile) -> tuple[bytes | str, ...]:
    parts: list[bytes | str] = []
    taken = 0
    for piece in frame.pieces:
        parts.append(piece if isinstance(piece, str) else frame.body[taken : taken + piece])
        taken += 0 if isinstance(piece, str) else piece
    if frame.pieces and taken != len(frame.body):
        raise frames.FrameBroken("pieces that are not the body")
    return tuple(parts)


def answer_frame(call_id: int, request_id: int, response: Response) -> frames.HttpAnswer | frames.HttpKept:
    """Return the frame of an answer; the reference where its body became a file."""
    if response.file is None:
        return frames.HttpAnswer(call_id, request_id, response.status, response.headers, response.url, response.body)
    reference = orjson.dumps(response.file)
    return frames.HttpKept(call_id, request_id, response.status, response.headers, response.url, reference)
