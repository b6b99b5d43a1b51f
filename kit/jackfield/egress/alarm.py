"""The deadline of one request."""

from __future__ import annotations

import asyncio


class Alarm:
    """Cancels the task that made it after so many seconds, unless it is stopped before.

    It does what `asyncio.timeout` does, for code that is run thousands of times a second: that takes three times as
    long. Whoever catches the cancellation asks `was_it`, and lets it go on when it was somebody else's.
    """

    __slots__ = ("_cancelled_before", "_has_rung", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an alarm needs a task to cancel")
        self._task = task
        self._cancelled_before = task.cancelling()
        self._has_rung = False
        self._timer = loop.call_later(seconds, self._ring) if seconds > 0 else loop.call_soon(self._ring)

    def _ring(self) -> None:
        self._has_rung = True
        self._task.cancel()

    def was_it(self) -> bool:
        """Whether the cancellation just caught is the alarm's alone."""
        return self._has_rung and self._task.cancelling() - 1 <= self._cancelled_before

    def stop(self) -> None:
        """To be called once, whatever has happened."""
        self._timer.cancel()
        if self._has_rung:
            self._task.uncancel()
