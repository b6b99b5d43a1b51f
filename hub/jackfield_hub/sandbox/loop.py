"""The event loop of a worker, on which operations run that are `async def`.

    socket readable → frames → a task for each call, an answer for the future that waits for it
    a turn of the loop ends → everybody's frames in one write

A task that its handler starts belongs to the handler's call: it counts for its limits and ends with it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import uvloop

from jackfield.errors import ConnectorError
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.crew import Answer
from jackfield_hub.sandbox.desk import Desk
from jackfield_hub.sandbox.exchanges import Exchanges, TaskTransport
from jackfield_hub.sandbox.meter import Meter, Share
from jackfield_hub.sandbox.outbox import Outbox

STACK_BYTES = 8 * 1024 * 1024  # an `await` inside an `await` is one on the stack, too
LEFT = "The connector wanted to end its process."


@dataclass
class _OpenCall:
    share: Share  # of the processor
    task: asyncio.Task[None] | None = None
    helpers: WeakSet[asyncio.Task[Any]] = field(default_factory=WeakSet["asyncio.Task[Any]"])


_CALL: ContextVar[_OpenCall] = ContextVar("call")


class Loop:
    """The loop of one worker. All its methods but `serve` are for the loop's own thread."""

    def __init__(self, desk: Desk, outbox: Outbox, meter: Meter) -> None:
        self._desk = desk
        self._exchanges = Exchanges(self._post)
        self._outbox = outbox
        self._is_flushing = False
        self._meter = meter
        self._calls: dict[int, _OpenCall] = {}
        # asyncio's own loop begins with a pair of sockets, which a worker must not make. So does this one, but in
        # the first thread of the process only.
        self._loop = uvloop.new_event_loop()
        self._loop.set_task_factory(_make_task)

    def serve(self, connection: socket.socket, parser: frames.Parser, take: Callable[[frames.Frame], None]) -> None:
        """Give every frame that arrives to `take`, on the loop's thread, until the other side closes."""

        def read() -> None:
            try:
                data = connection.recv(frames.READ_BYTES, socket.MSG_DONTWAIT)
                for frame in parser.feed(data):
                    take(frame)
            except BlockingIOError:
                return
            except BaseException:
                self._loop.stop()  # a loop reports and goes on; this worker cannot
                raise
            if not data:
                self._loop.stop()

        self._loop.add_reader(connection, read)
        threading.stack_size(STACK_BYTES)
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        threading.stack_size(0)
        thread.join()

    def start(self, frame: frames.Call) -> None:
        """Run a call as a task."""
        opened = self._calls[frame.call_id] = _OpenCall(self._meter.share(frame.call_id))
        context = copy_context()
        context.run(_CALL.set, opened)
        opened.task = self._loop.create_task(self._answer(frame, opened), context=context)

    def take(self, answer: Answer) -> bool:
        """Hand an answer to the task that waits for it. Returns whether it was for a task."""
        return self._exchanges.take(answer)

    def cancel(self, call_id: int) -> None:
        """Nobody waits for this call any more."""
        opened = self._calls.get(call_id)
        if opened is not None and opened.task is not None:
            opened.task.cancel()

    async def _answer(self, frame: frames.Call, opened: _OpenCall) -> None:
        answer = await self._desk.run_async(frame, TaskTransport(frame.call_id, self._exchanges))
        del self._calls[frame.call_id]
        for helper in opened.helpers:
            helper.cancel()
        self._post(answer)

    def _post(self, frame: bytes) -> None:
        """Leave the frame for one write at the end of this turn of the loop."""
        self._outbox.leave(frame)
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        self._outbox.flush()


def _make_task(
    loop: asyncio.AbstractEventLoop, coroutine: Any, *, context: Context | None = None, **more: Any
) -> asyncio.Task[Any]:
    """Make a task; one within a call computes on the call's account, and ends with it."""
    opened = _CALL.get(None) if context is None else context.get(_CALL)
    if opened is None:
        return asyncio.Task(coroutine, loop=loop, context=context, **more)
    task = asyncio.Task(_Metered(coroutine, opened.share), loop=loop, context=context, **more)
    if opened.task is not None:
        opened.helpers.add(task)
    return task


class _Metered(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are measured."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], share: Share) -> None:
        self._coroutine = coroutine
        self._share = share

    def send(self, value: Any, /) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coroutine.throw, *error)

    def _step(self, step: Callable[..., Any], *given: Any) -> Any:
        self._share.begin()
        try:
            return step(*given)
        except (KeyboardInterrupt, SystemExit) as wish:
            raise ConnectorError(LEFT) from wish  # asyncio would stop the whole loop
        finally:
            self._share.end()

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()
