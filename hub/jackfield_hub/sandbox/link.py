"""One worker as the hub sees it: its socket, its open calls, its end."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import orjson

from jackfield import runner
from jackfield.deadlines import Deadlines
from jackfield.errors import OperationError, OutOfProcessorTime, OutOfRequests, PlatformError, TimedOut, TooLarge
from jackfield.exchange import Request, Response
from jackfield_hub.logs import log
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.failures import (
    NOT_CONFINED,
    LoadFailed,
    WorkerCrashed,
    WorkerLost,
    WorkerOutcome,
    crash_text,
    failed,
)
from jackfield_hub.sandbox.file_frames import answer_frame, request_of
from jackfield_hub.sandbox.launcher import Seat
from jackfield_hub.sandbox.limits import Limits

_HttpFrame = frames.Http | frames.HttpFile
SendRequest = Callable[[Request], Awaitable[Response]]

STDERR_BYTES = 64 * 1024
LOAD_LOG_BYTES = 16 * 1024
MAX_REFUSALS = 10_000  # without a result in between
OVER = "The call is over."
UNCONFINED = "The connector's worker could not be confined, so it was not started."
ANSWER_TOO_LARGE = "The third party's answer is larger than a worker may get."
MAX_UNREAD_BYTES = 64 * 1024 * 1024  # answers a worker has asked for and does not read


@dataclass(slots=True)
class _OpenCall:
    send: SendRequest
    answer: asyncio.Future[WorkerOutcome]
    deadline: float
    log: bytes = b""
    requests: int = 0
    underway: dict[int, asyncio.Task[None] | None] = field(default_factory=dict[int, asyncio.Task[None] | None])


class WorkerLink(asyncio.Protocol):
    """Calls one worker. Everything that arrives from it is hostile until checked.

    `end` is called when the worker has to go; `was_bad` then says whether the connector is to blame.
    """

    def __init__(self, number: int, seat: Seat, limits: Limits, end: Callable[[WorkerLink], None]) -> None:
        self.number = number
        self.limits = limits
        self.was_bad = False
        self.is_blamed = False
        self.is_spoken_for = True  # until its first call, for which it was started
        self.is_retired = False
        self.last_used = time.monotonic()
        self.loaded: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.loaded.add_done_callback(_look)
        self._transport: asyncio.Transport | None = None
        self._connection = seat.connection
        self._stderr = seat.stderr
        self._end = end
        self._calls: dict[int, _OpenCall] = {}
        self._overrun: set[int] = set()  # answered as timed out; their threads may still be running
        self._next_call = 1
        self._refused = 0
        self._parser = frames.Parser(frames.FROM_WORKER)
        self._outgoing: list[bytes] = []
        self._under_way = 0
        self._held: deque[tuple[_OpenCall, _HttpFrame, Request]] = deque()  # until others are answered
        self._deadlines = Deadlines(self._end_overdue)
        self._failure: OperationError | None = None

    @property
    def open_calls(self) -> int:
        return len(self._calls)

    @property
    def is_usable(self) -> bool:
        """Whether new calls may come here."""
        return self._failure is None and not self.is_retired

    @property
    def has_room(self) -> bool:
        """Whether it can run another call at once."""
        has_place = len(self._calls) < self.limits.calls_at_once
        return has_place and self._failure is None and not self.is_retired and self.loaded.done()

    @property
    def is_loaded(self) -> bool:
        return self.loaded.done()

    async def connect(self) -> None:
        """Listen to the worker, and give it its time to import."""
        loop = asyncio.get_running_loop()
        loop.call_later(self.limits.load_seconds, self.check_loaded)
        await loop.create_unix_connection(lambda: self, sock=self._connection)

    async def call(self, call: runner.Call, send: SendRequest, deadline: float) -> WorkerOutcome:
        """Return how the call ended. Never raises for anything the worker does."""
        if self._failure is not None:
            return failed(self._failure)
        self.is_spoken_for = False
        call_id = self._next_call
        self._next_call += 1
        answer = asyncio.get_running_loop().create_future()
        opened = self._calls[call_id] = _OpenCall(send, answer, deadline)
        self._deadlines.add(deadline)
        try:
            self._open(call_id, call)
            return await answer
        finally:
            if self._calls.get(call_id) is opened:  # whoever waited has gone: nobody wants the answer any more
                self._abandon(call_id, failed(WorkerLost("Nobody waits for this call.")), deadline)

    def awaited(self) -> list[asyncio.Future[WorkerOutcome]]:
        """Return what the callers are waiting for."""
        return [opened.answer for opened in self._calls.values()]

    def check_loaded(self) -> None:
        """The time to import is over."""
        if not self.loaded.done():
            self.expel(WorkerCrashed(f"The connector took longer than {self.limits.load_seconds:.0f} s to import."))

    def fail(self, failure: OperationError) -> None:
        """Answer all open calls with this failure, and take no more."""
        self._failure = self._failure or failure
        if not self.loaded.done():
            self.loaded.set_exception(LoadFailed(failure.message))
        for call_id in list(self._calls):
            self._close(call_id, failed(self._failure))

    def ended(self, status: int | None) -> None:
        """The process is gone: answer what is open, with what its stderr said in the log."""
        said = self._take_stderr()
        if self._failure is None:
            self.was_bad = bool(self._calls) or not self.loaded.done()
            is_ours = status == NOT_CONFINED and not self.loaded.done()
            self._failure = WorkerLost(UNCONFINED) if is_ours else WorkerCrashed(crash_text(status))
        if not self.loaded.done():
            self.loaded.set_exception(LoadFailed("\n".join(filter(None, (self._failure.message, said)))))
        for call_id in list(self._calls):
            self._close(call_id, failed(self._failure, said))
        self._deadlines.stop()
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No isinstance: the hub's loop is uvloop, whose transports are not of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=MAX_UNREAD_BYTES)

    def pause_writing(self) -> None:
        self.expel(WorkerCrashed("The connector's worker was ended: it asked for answers and did not read them."))

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._parser.feed(data):
                self._take(frame)
        except frames.FrameBroken:
            self.expel(WorkerCrashed("The connector's worker was ended: it sent what no worker sends."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(self)

    # frames

    def _take(self, frame: frames.Frame) -> None:
        """Act on one frame. Raises FrameBroken when it has no business here."""
        if self._failure is not None:
            return
        if isinstance(frame, frames.Result):
            self._take_result(frame)
        elif isinstance(frame, _HttpFrame):
            self._take_request(frame)
        elif isinstance(frame, frames.Log):
            self._take_log(frame)
        elif isinstance(frame, frames.Overspent):
            self._take_overspent(frame)
        elif self.loaded.done():
            raise frames.FrameBroken("a second ready")
        elif isinstance(frame, frames.Ready):
            self.loaded.set_result(frame.body)
        elif isinstance(frame, frames.LoadFailed):
            self.was_bad = True
            self.loaded.set_exception(LoadFailed(frame.body[-LOAD_LOG_BYTES:].decode(errors="replace")))
            self._end(self)

    def _take_result(self, frame: frames.Result) -> None:
        opened = self._find(frame.call_id)
        if opened is None:
            self._overrun.discard(frame.call_id)
            return
        if len(frame.body) > self.limits.result_bytes:
            raise frames.FrameBroken("a result that is too large")
        frames.check_json_object(frame.body)
        self._refused = 0
        outcome = WorkerOutcome(frame.is_success, frame.body, opened.log.decode(errors="replace"))
        self._close(frame.call_id, outcome)

    def _take_overspent(self, frame: frames.Overspent) -> None:
        if self._find(frame.call_id) is not None:
            message = f"The operation computed for more than {self.limits.processor_seconds:g} seconds."
            self._abandon(frame.call_id, failed(OutOfProcessorTime(message)), time.monotonic())

    def _take_log(self, frame: frames.Log) -> None:
        opened = self._find(frame.call_id)
        if opened is None:
            return
        if opened.log or len(frame.body) > self.limits.log_bytes:
            raise frames.FrameBroken("more log than a call has")
        opened.log = frame.body

    def _take_request(self, frame: _HttpFrame) -> None:
        if not frame.call_id < self._next_call:
            raise frames.FrameBroken("a request of a call that never was")
        opened = self._calls.get(frame.call_id)
        # A thread the handler has left behind may still ask, after the result: that is sloppy, not hostile.
        refusal = self._refusal(opened) if opened else TimedOut(OVER)
        if opened is None or refusal:
            self._refuse_request(frame, refusal or TimedOut(OVER))
        elif frame.request_id in opened.underway:
            raise frames.FrameBroken("two requests with one number")
        else:
            opened.requests += 1
            opened.underway[frame.request_id] = None
            self._held.append((opened, frame, request_of(frame)))
            self._send_held()

    def _find(self, call_id: int) -> _OpenCall | None:
        """Return the open call, None when it is one that ran over. Raises FrameBroken for any other."""
        opened = self._calls.get(call_id)
        if opened is None and call_id not in self._overrun:
            raise frames.FrameBroken("a call that is not open")
        return opened

    def _refusal(self, opened: _OpenCall) -> OperationError | None:
        limits = self.limits
        if opened.requests >= limits.requests_per_call:
            return OutOfRequests(f"The operation made more than {limits.requests_per_call} requests in one call.")
        if len(opened.underway) >= limits.requests_at_once:
            return OutOfRequests(f"The operation made more than {limits.requests_at_once} requests at once.")
        return None

    def _send_held(self) -> None:
        """Have requests sent, as many as there may be at once."""
        while self._held and self._under_way < self.limits.requests_under_way:
            opened, frame, request = self._held.popleft()
            if frame.request_id in opened.underway:  # its call is still open
                task = asyncio.get_running_loop().create_task(self._exchange(opened, frame, request))
                opened.underway[frame.request_id] = task
                task.add_done_callback(partial(self._exchanged, opened, frame))
                self._under_way += 1

    async def _exchange(self, opened: _OpenCall, frame: _HttpFrame, request: Request) -> None:
        """Have the request sent, and hand the worker what comes of it."""
        try:
            response = await opened.send(request)
            answer = answer_frame(frame.call_id, frame.request_id, response)
        except frames.FrameBroken:
            raise TooLarge(ANSWER_TOO_LARGE) from None
        self._write(answer)

    def _exchanged(self, opened: _OpenCall, frame: _HttpFrame, task: asyncio.Task[None]) -> None:
        self._under_way -= 1
        opened.underway.pop(frame.request_id, None)
        if self._held:
            self._send_held()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, OperationError):
            self._fail_request(frame.call_id, frame.request_id, error)
        elif error is not None:
            log.error("a request of a connector failed in the platform", kind=type(error).__name__)
            self._fail_request(frame.call_id, frame.request_id, PlatformError("The request could not be sent."))

    def _refuse_request(self, frame: _HttpFrame, error: OperationError) -> None:
        """Fail a request at once. Raises FrameBroken when the worker keeps asking all the same."""
        self._refused += 1
        if self._refused > MAX_REFUSALS:
            raise frames.FrameBroken("request after request where none is allowed")
        self._fail_request(frame.call_id, frame.request_id, error)

    def _fail_request(self, call_id: int, request_id: int, error: OperationError) -> None:
        message = error.message.encode(errors="replace")
        self._write(frames.encode(frames.HttpFailed(call_id, request_id, error.kind), message))

    # calls

    def _open(self, call_id: int, call: runner.Call) -> None:
        frame = frames.Call(call_id, call.operation, call.base_url, dict(call.user_data), call.wants, call.is_checked)
        try:
            self._write(frames.encode(frame, orjson.dumps(call.input)))
        except frames.FrameBroken:
            self._close(call_id, failed(TooLarge("The input is larger than a worker may get.")))

    def _close(self, call_id: int, outcome: WorkerOutcome) -> None:
        """Hand out the outcome, and stop what the call still has under way."""
        opened = self._calls.pop(call_id)
        self.last_used = time.monotonic()
        for request_id, task in opened.underway.items():
            if task is not None:
                task.cancel()
            self._fail_request(call_id, request_id, TimedOut(OVER))  # or the thread that asked would wait for ever
        opened.underway.clear()
        if not opened.answer.done():
            opened.answer.set_result(outcome)
        if self.is_retired and not self._calls:
            self._end(self)

    def _end_overdue(self, now: float) -> float:
        for call_id in [call_id for call_id, opened in self._calls.items() if opened.deadline <= now]:
            self._run_over(call_id)
        return min((opened.deadline for opened in self._calls.values()), default=math.inf)

    def _run_over(self, call_id: int) -> None:
        """The deadline has come: answer now, and see a moment later whether the thread has come back."""
        late = failed(TimedOut("The call took longer than it may, and was stopped."))
        self._abandon(call_id, late, time.monotonic())

    def _abandon(self, call_id: int, outcome: WorkerOutcome, deadline: float) -> None:
        """Close a call whose thread may still be running, and look after that thread when its deadline has passed."""
        self._overrun.add(call_id)
        self._write(frames.encode(frames.Cancel(call_id)))
        self._close(call_id, outcome)
        patience = max(0.0, deadline - time.monotonic()) + self.limits.grace_seconds
        asyncio.get_running_loop().call_later(patience, self._check_thread, call_id)

    def _check_thread(self, call_id: int) -> None:
        """A thread cannot be ended, only its process: no new calls here, and a short while for the others."""
        if call_id not in self._overrun or self._failure is not None:
            return
        self.was_bad = self.is_retired = True
        if not self._calls:
            self._end(self)
            return
        late = WorkerLost("Another call of the connector did not stop, and its worker had to be ended.")
        asyncio.get_running_loop().call_later(self.limits.retire_seconds, self.expel, late)

    def expel(self, failure: OperationError) -> None:
        """End the worker for what it did."""
        if self._failure is None:
            self.was_bad = True
            self.fail(failure)
        self._end(self)

    # bytes

    def _write(self, frame: bytes) -> None:
        """Leave the frame for one write at the end of this turn of the loop."""
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(frame)

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))

    def _take_stderr(self) -> str:
        """Return what the process wrote to its stderr: one pipe full at most."""
        said = b""
        with suppress(OSError):
            said = os.read(self._stderr, STDERR_BYTES)
        with suppress(OSError):
            os.close(self._stderr)
        self._stderr = -1
        return said.decode(errors="replace")


def _look(loaded: asyncio.Future[bytes]) -> None:
    """A failure to load that nobody waits for is no news for asyncio's log."""
    if not loaded.cancelled():
        loaded.exception()
