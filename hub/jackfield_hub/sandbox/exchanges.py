"""The requests of handlers: sent to the platform as frames, and what comes of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

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
from jackfield_hub.sandbox.crew import Answer, Crew
from jackfield_hub.sandbox.file_frames import file_frame

_FAILURES: dict[str, type[OperationError]] = {
    kind.__name__: kind
    for kind in (NoAnswer, TimedOut, NotAllowed, PlatformError, LimitReached, OutOfRequests, TooLarge)
}
_NUMBERS = count(1)  # of the requests of this process, whoever sends them


class ThreadTransport:
    """A transport (jackfield.exchange) for one call that runs on a thread."""

    def __init__(self, call_id: int, crew: Crew) -> None:
        self._call_id = call_id
        self._crew = crew

    def send(self, request: Request) -> Response:
        request_id = next(_NUMBERS)
        return _response(self._crew.ask(request_id, _frame(self._call_id, request_id, request)))


class Exchanges:
    """The requests under way of all calls that run on the loop. `post` leaves a frame for the next write."""

    def __init__(self, post: Callable[[bytes], None]) -> None:
        self._post = post
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    def take(self, answer: Answer) -> bool:
        """Hand an answer to the task that waits for it. Returns whether it was for a task."""
        waiting = self._waiting.get(answer.request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
        return waiting is not None

    async def ask(self, request_id: int, request: bytes) -> Answer:
        """Send the frame of a request; return the answer with its number."""
        self._waiting[request_id] = asyncio.get_running_loop().create_future()
        self._post(request)
        try:
            return await self._waiting[request_id]
        finally:
            del self._waiting[request_id]


class TaskTransport:
    """A transport for one call that runs on the loop."""

    def __init__(self, call_id: int, exchanges: Exchanges) -> None:
        self._call_id = call_id
        self._exchanges = exchanges

    async def exchange(self, request: Request) -> Response:
        request_id = next(_NUMBERS)
        return _response(await self._exchanges.ask(request_id, _frame(self._call_id, request_id, request)))


def _response(answer: Answer) -> Response:
    """Return what the third party answered. Raises what the platform says is in the way."""
    if isinstance(answer, frames.HttpFailed):
        raise _FAILURES.get(answer.kind, PlatformError)(answer.body.decode())
    if isinstance(answer, frames.HttpKept):
        return Response(answer.status, answer.headers, b"", answer.url, orjson.loads(answer.body))
    return Response(answer.status, answer.headers, answer.body, answer.url)


def _frame(call_id: int, request_id: int, request: Request) -> bytes:
    """Return a request as a frame. Raises PlatformError when it is too long for one."""
    try:
        if request.files is not None:
            return file_frame(call_id, request_id, request, request.files)
        about = (request.method, request.url, request.headers, request.timeout_seconds, request.is_idempotent)
        return frames.encode(frames.Http(call_id, request_id, *about), request.body)
    except frames.FrameBroken:
        raise PlatformError(f"The request is larger than {frames.MAX_FRAME_BYTES} bytes.") from None
