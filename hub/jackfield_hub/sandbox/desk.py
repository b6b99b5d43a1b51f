"""What a worker does for one call, on a thread or on the loop: run it, keep its limits, write its frames."""

from __future__ import annotations

import asyncio
import traceback

import orjson

from jackfield import runner
from jackfield.connector import Connector
from jackfield.errors import ConnectorError, TimedOut, TooLarge
from jackfield.exchange import AsyncTransport, Transport
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.orders import Hire
from jackfield_hub.sandbox.prints import Prints
from jackfield_hub.sandbox.scales import Scales


class Desk:
    """The calls of one worker. Make it when the connector is loaded."""

    def __init__(self, order: Hire, connector: Connector, prints: Prints) -> None:
        self._order = order
        self._connector = connector
        self._prints = prints
        self._scales = Scales(order.max_result_bytes)
        self._async = {
            (name, wants)
            for name in connector.operations
            for wants in runner.Wants
            if runner.is_async(connector, runner.Call(name, {}, wants=wants))
        }

    @property
    def has_async_operations(self) -> bool:
        return bool(self._async)

    def is_async(self, frame: frames.Call) -> bool:
        return (frame.operation, frame.wants) in self._async

    def run(self, frame: frames.Call, transport: Transport) -> bytes:
        """Run one call; return the frames of its log, if there is one, and its result."""
        self._prints.start()
        try:
            outcome = runner.run(self._connector, _call(frame), transport, self._scales.weigh)
        except BaseException:  # what even the runner lets pass, such as KeyboardInterrupt, must not cost the thread
            outcome = _unexpected()
        return self._frames(frame.call_id, outcome)

    async def run_async(self, frame: frames.Call, transport: AsyncTransport) -> bytes:
        """The same for a call that is `async def`."""
        self._prints.start()
        try:
            outcome = await runner.run_async(self._connector, _call(frame), transport, self._scales.weigh)
        except asyncio.CancelledError:
            outcome = runner.failed(TimedOut("The call was stopped."))  # nobody waits for it; but it has come back
        except BaseException:
            outcome = _unexpected()
        return self._frames(frame.call_id, outcome)

    def _frames(self, call_id: int, outcome: runner.Outcome) -> bytes:
        outcome = self._within_limits(outcome)
        log = "\n".join(filter(None, (self._prints.take(), outcome.log, *outcome.broken_promises)))
        result = frames.encode(frames.Result(call_id, outcome.is_success), outcome.body)
        return frames.encode(frames.Log(call_id), cut(log, self._order.max_log_bytes)) + result if log else result

    def _within_limits(self, outcome: runner.Outcome) -> runner.Outcome:
        """Return the outcome, or an error instead of one the platform would not take and would end us for."""
        if len(outcome.body) > self._order.max_result_bytes:
            return runner.failed(TooLarge("The error's message is too large."))
        try:
            frames.check_extent(outcome.body)
        except frames.FrameBroken as mistake:
            return runner.failed(TooLarge(f"The output is {mistake}: ask for less at once."))
        return outcome


def cut(log: str, max_bytes: int) -> bytes:
    return log.encode("utf-8", errors="replace")[:max_bytes]


def _call(frame: frames.Call) -> runner.Call:
    return runner.Call(
        operation=frame.operation,
        input=orjson.loads(frame.body),
        base_url=frame.base_url,
        user_data=frame.user_data,
        wants=frame.wants,
        is_checked=frame.is_checked,
    )


def _unexpected() -> runner.Outcome:
    return runner.failed(ConnectorError(runner.UNEXPECTED), log=traceback.format_exc(limit=-20))
