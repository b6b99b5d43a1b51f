"""The requests a worker has sent to the platform as frames, and who waits for what comes of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue

import orjson

from jackfield.errors import (
    LimitReached,
    NoAnswer,
    NotAllowed,
    OperationError,
    OutOfRequests,
    PlatformError,
    TimedOut,
    TooLarge,
)
from jackfield.exchange import Request, Response
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.file_frames import file_frame
from jackfield_hub.sandbox.outbox import Outbox

_FAILURES: dict[str, type[OperationError]] = {
    kind.__name__: kind
    for kind in (NoAnswer, TimedOut, NotAllowed, PlatformError, LimitReached, OutOfRequests, TooLarge)
}
Answer = frames.HttpAnswer | frames.HttpKept | frames.HttpFailed


class Exchanges:
    """All requests of one worker that are under way."""

    def __init__(self) -> None:
        self._waiting: dict[int, Callable[[Answer], None]] = {}
        self._ids = count(1)

    def begin(self, call_id: int, request: Request, take: Callable[[Answer], None]) -> tuple[int, bytes]:
        """Return the request's number and its frame; `take` will be given the answer. Raises PlatformError."""
        request_id = next(self._ids)
        try:
            frame = _frame(call_id, request_id, request)
        except frames.FrameBroken:
            raise PlatformError(f"The request is larger than {frames.MAX_FRAME_BYTES} bytes.") from None
        self._waiting[request_id] = take
        return request_id, frame

    def take(self, answer: Answer) -> None:
        """Hand an answer to whoever waits for it."""
        take = self._waiting.pop(answer.request_id, None)
        if take is not None:
            take(answer)

    def forget(self, request_id: int) -> None:
        """Nobody waits for that answer any more."""
        self._waiting.pop(request_id, None)


class ThreadTransport:
    """A transport (jackfield.exchange) for one call that runs on a thread."""

    def __init__(self, call_id: int, exchanges: Exchanges, outbox: Outbox) -> None:
        self._call_id = call_id
        self._exchanges = exchanges
        self._outbox = outbox

    def send(self, request: Request) -> Response:
        answers: SimpleQueue[Answer] = SimpleQueue()
        _, frame = self._exchanges.begin(self._call_id, request, answers.put)
        self._outbox.send(frame)
        return _response(answers.get())


class TaskTransport:
    """A transport for one call that runs on the loop. `post` leaves a frame for the next write."""

    def __init__(self, call_id: int, exchanges: Exchanges, post: Callable[[bytes], None]) -> None:
        self._call_id = call_id
        self._exchanges = exchanges
        self._post = post

    async def exchange(self, request: Request) -> Response:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request_id, frame = self._exchanges.begin(self._call_id, request, answer.set_result)
        self._post(frame)
        try:
            return _response(await answer)
        finally:
            self._exchanges.forget(request_id)


def _response(answer: Answer) -> Response:
    """Return what the third party answered. Raises what the platform says is in the way."""
    if isinstance(answer, frames.HttpFailed):
        raise _FAILURES.get(answer.kind, PlatformError)(answer.body.decode())
    if isinstance(answer, frames.HttpKept):
        return Response(answer.status, answer.headers, b"", answer.url, orjson.loads(answer.body))
    return Response(answer.status, answer.headers, answer.body, answer.url)


def _frame(call_id: int, request_id: int, request: Request) -> bytes:
    if request.files is not None:
        return file_frame(call_id, request_id, request, request.files)
    about = (request.method, request.url, request.headers, request.timeout_seconds, request.is_idempotent)
    return frames.encode(frames.Http(call_id, request_id, *about), request.body)
