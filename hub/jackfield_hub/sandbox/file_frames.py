"""Requests that have to do with files, as frames: the bytes of the files are in none of them."""

from __future__ import annotations

import orjson

from jackfield.exchange import FileUse, Request, Response
from jackfield_hub.sandbox import frames


def file_frame(call_id: int, request_id: int, request: Request, use: FileUse) -> bytes:
    """Return the frame of a request that has to do with files. Raises FrameBroken when it is too long."""
    held = [part for part in use.parts if isinstance(part, bytes)]
    frame = frames.HttpFile(
        call_id,
        request_id,
        request.method,
        request.url,
        request.headers,
        request.timeout_seconds,
        request.is_idempotent,
        [len(part) if isinstance(part, bytes) else part for part in use.parts],
        use.keep_as,
    )
    return frames.encode(frame, b"".join(held) if use.parts else request.body)


def request_of(frame: frames.Http | frames.HttpFile) -> Request:
    """Return the request a worker wants sent. Raises FrameBroken when its pieces do not make up its body."""
    if isinstance(frame, frames.Http):
        return Request(frame.method, frame.url, frame.headers, frame.body, frame.timeout_seconds, frame.is_idempotent)
    use = FileUse(_parts(frame), frame.keep_as)
    body = b"" if frame.pieces else frame.body
    return Request(frame.method, frame.url, frame.headers, body, frame.timeout_seconds, frame.is_idempotent, use)


def _parts(frame: frames.HttpFile) -> tuple[bytes | str, ...]:
    parts: list[bytes | str] = []
    taken = 0
    for piece in frame.pieces:
        parts.append(piece if isinstance(piece, str) else frame.body[taken : taken + piece])
        taken += 0 if isinstance(piece, str) else piece
    if frame.pieces and taken != len(frame.body):
        raise frames.FrameBroken("pieces that are not the body")
    return tuple(parts)


def answer_frame(call_id: int, request_id: int, response: Response) -> bytes:
    """Return the frame of an answer, with the reference where its body became a file.

    Raises FrameBroken when it is too long.
    """
    kind = frames.HttpAnswer if response.file is None else frames.HttpKept
    body = response.body if response.file is None else orjson.dumps(response.file)
    return frames.encode(kind(call_id, request_id, response.status, response.headers, response.url), body)
