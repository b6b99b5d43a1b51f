"""The inside of a worker: imports one connector, then runs its operations on threads until the socket closes.

    reader thread    recv → frames → a call goes to the crew, an answer goes to the thread that waits for it
    crew             runner.run → http frames out, answers in → log and result frames out

The worker has this one socket and nothing else: what it asks of the network, the platform does for it.
"""

from __future__ import annotations

import gc
import socket
import sys
import traceback
from functools import partial
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import cast

import orjson

from jackfield import runner
from jackfield.connector import Connector
from jackfield.errors import (
    ConnectorError,
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
from jackfield.project import load, open_project
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.crew import Crew, name_the_limit
from jackfield_hub.sandbox.meter import Meter
from jackfield_hub.sandbox.orders import Hire
from jackfield_hub.sandbox.outbox import Outbox
from jackfield_hub.sandbox.prints import Prints
from jackfield_hub.sandbox.scales import Scales

_FAILURES: dict[str, type[OperationError]] = {
    kind.__name__: kind
    for kind in (NoAnswer, TimedOut, NotAllowed, PlatformError, LimitReached, OutOfRequests, TooLarge)
}
_Slot = SimpleQueue[frames.HttpAnswer | frames.HttpFailed]


def work(order: Hire, folder: Path, connection: socket.socket) -> None:
    """Load the connector of the bundle in `folder` and answer calls until the platform closes the socket."""
    outbox = Outbox(connection)
    prints = Prints(order.max_log_bytes)
    prints.replace_streams()
    name_the_limit()
    prints.start()
    try:
        connector, manifest = _load(order, folder)
        ready = frames.encode(frames.Ready(manifest))
    except BaseException:  # the code is a stranger's: it may well say sys.exit
        log = prints.take() + traceback.format_exc(limit=-20)
        outbox.send(frames.encode(frames.LoadFailed(_cut(log, order.max_log_bytes))))
        return
    prints.take()
    gc.freeze()
    outbox.send(ready)
    _Worker(order, connector, outbox, prints).serve(connection)


def _load(order: Hire, folder: Path) -> tuple[Connector, bytes]:
    """Import the connector. Return it and, when asked for, its manifest as JSON."""
    # Never site.addsitedir: a .pth file in a dependency would run as code.
    sys.path.insert(0, str(folder / "deps"))
    project = open_project(folder / "source")
    connector = load(project)
    if not order.describes:
        return connector, b""
    return connector, orjson.dumps(connector.manifest(project.metadata).to_json())


class _Worker:
    def __init__(self, order: Hire, connector: Connector, outbox: Outbox, prints: Prints) -> None:
        self._order = order
        self._connector = connector
        self._outbox = outbox
        self._prints = prints
        self._crew = Crew()
        self._meter = Meter(order.max_processor_seconds, self._overspent)
        self._scales = Scales(order.max_result_bytes)
        self._waiting: dict[int, _Slot] = {}
        self._request_ids = count(1)

    def serve(self, connection: socket.socket) -> None:
        for arrived in frames.read_frames(connection, frames.Parser(frames.TO_WORKER)):
            for frame in arrived:
                self._take(frame)

    def _take(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Call):
            self._crew.run(partial(self._answer, frame))
        elif isinstance(frame, frames.HttpAnswer | frames.HttpFailed):
            slot = self._waiting.pop(frame.request_id, None)
            if slot is not None:
                slot.put(frame)

    def _answer(self, frame: frames.Call) -> None:
        """Run one call and send its log, if there is one, and its result."""
        self._prints.start()
        with self._meter.measured(frame.call_id):
            outcome = self._outcome(frame)
        log = "\n".join(filter(None, (self._prints.take(), outcome.log, *outcome.broken_promises)))
        result = frames.encode(frames.Result(frame.call_id, outcome.is_success, outcome.body))
        if log:
            result = frames.encode(frames.Log(frame.call_id, _cut(log, self._order.max_log_bytes))) + result
        self._outbox.send(result)

    def _outcome(self, frame: frames.Call) -> runner.Outcome:
        call = runner.Call(
            operation=frame.operation,
            input=orjson.loads(frame.body),
            base_url=frame.base_url,
            user_data=frame.user_data,
            wants=runner.Wants(frame.wants),
            is_checked=frame.is_checked,
        )
        try:
            outcome = runner.run(self._connector, call, _FrameTransport(self, frame.call_id), self._scales.weigh)
        except BaseException:  # what even the runner lets pass, such as KeyboardInterrupt, must not cost the thread
            return runner.failed(ConnectorError(runner.UNEXPECTED), log=traceback.format_exc(limit=-20))
        return self._within_limits(outcome)

    def _within_limits(self, outcome: runner.Outcome) -> runner.Outcome:
        """Return the outcome, or an error instead of one the platform would not take and would end us for."""
        if len(outcome.body) > self._order.max_result_bytes:
            return runner.failed(TooLarge("The error's message is too large."))
        try:
            frames.check_json_object(outcome.body)
        except frames.FrameBroken as mistake:
            return runner.failed(TooLarge(f"The output is {mistake}: ask for less at once."))
        return outcome

    def _overspent(self, call_id: int) -> None:
        self._outbox.send(frames.encode(frames.Overspent(call_id, b"")))

    def exchange(self, call_id: int, request: Request) -> frames.HttpAnswer | frames.HttpFailed:
        """Have the platform send the request; wait for what comes of it. Raises FrameBroken when it is too long."""
        request_id = next(self._request_ids)
        slot: _Slot = SimpleQueue()
        frame = frames.encode(frames.Http(call_id, request_id, *_fields(request), request.body))
        self._waiting[request_id] = slot
        self._outbox.send(frame)
        return slot.get()


class _FrameTransport:
    """A transport (jackfield.exchange) whose requests leave as frames."""

    def __init__(self, worker: _Worker, call_id: int) -> None:
        self._worker = worker
        self._call_id = call_id

    def send(self, request: Request) -> Response:
        try:
            answer = self._worker.exchange(self._call_id, request)
        except frames.FrameBroken:
            raise PlatformError(f"The request is larger than {frames.MAX_FRAME_BYTES} bytes.") from None
        if isinstance(answer, frames.HttpFailed):
            raise _FAILURES.get(answer.kind, PlatformError)(answer.body.decode())
        # The codec has lists where we promise tuples.
        headers = tuple(cast("tuple[str, str]", tuple(pair)) for pair in answer.headers)
        return Response(answer.status, headers, answer.body, answer.url)


def _fields(request: Request) -> tuple[str, str, tuple[tuple[str, str], ...], float | None, bool | None]:
    return request.method, request.url, request.headers, request.timeout_seconds, request.is_idempotent


def _cut(log: str, max_bytes: int) -> bytes:
    return log.encode("utf-8", errors="replace")[:max_bytes]
