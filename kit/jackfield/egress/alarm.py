"""The deadlines of requests."""

from __future__ import annotations

import asyncio
import math

from jackfield.deadlines import Deadlines


class Alarms:
    """Cancels tasks whose time is over. Belongs to one event loop.

    `asyncio.timeout` has a timer for each, which takes ten times as long; here requests go by thousands a second.
    """

    def __init__(self) -> None:
        self._set: set[Alarm] = set()
        self._deadlines = Deadlines(self._ring)

    def set(self, at: float) -> Alarm:
        """Return an alarm that cancels this task at a moment of `time.monotonic()`, unless it is stopped before.

        Whoever catches the cancellation asks `was_it`, and lets it go on when it was somebody else's.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an alarm needs a task to cancel")
        alarm = Alarm(self, task, at)
        self._set.add(alarm)
        self._deadlines.add(at)
        return alarm

    def forget(self, alarm: Alarm) -> None:
        self._set.discard(alarm)

    def _ring(self, now: float) -> float:
        for alarm in [alarm for alarm in self._set if alarm.at <= now]:
            self._set.discard(alarm)
            alarm.ring()
        return min((alarm.at for alarm in self._set), default=math.inf)


class Alarm:
    """The deadline of one task. Made by `Alarms.set`."""

    __slots__ = ("_alarms", "_cancelled_before", "_has_rung", "_task", "at")

    def __init__(self, alarms: Alarms, task: asyncio.Task[object], at: float) -> None:
        self._alarms = alarms
        self._task = task
        self._cancelled_before = task.cancelling()
        self._has_rung = False
        self.at = at

    def ring(self) -> None:
        self._has_rung = True
        self._task.cancel()

    def was_it(self) -> bool:
        """Whether the cancellation just caught is the alarm's alone."""
        return self._has_rung and self._task.cancelling() - 1 <= self._cancelled_before

    def stop(self) -> None:
        """To be called once, whatever has happened."""
        self._alarms.forget(self)
        if self._has_rung:
            self._task.uncancel()
