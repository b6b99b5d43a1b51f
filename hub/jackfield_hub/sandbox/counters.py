"""What has happened to the workers since the hub started, in numbers."""

from __future__ import annotations

from collections import Counter

import orjson

from jackfield.errors import LimitReached, TimedOut
from jackfield_hub.sandbox.failures import Overloaded, WorkerCrashed, WorkerLost, WorkerOutcome, WorkerPaused

_COUNTED = frozenset(
    kind.__name__
    for kind in (TimedOut, WorkerCrashed, WorkerPaused, WorkerLost, LimitReached, *LimitReached.__subclasses__())
)


class Counters(Counter[str]):
    """`{"started": 4, "ended": 3, "calls": 120, "OutOfMemory": 2, "cut_logs": 1, "Overloaded": 7}`.

    Of the errors only those are counted that say that a limit was reached or a worker is gone. LoadFailed are calls
    whose connector could not be imported; ZygoteLost is how often all workers were lost together.
    """

    def count_outcome(self, outcome: WorkerOutcome, max_log_bytes: int) -> None:
        self["calls"] += 1
        if len(outcome.log) >= max_log_bytes:
            self["cut_logs"] += 1
        if not outcome.is_success:
            kind = orjson.loads(outcome.output).get("kind")  # a connector's process may have written this
            if isinstance(kind, str) and kind in _COUNTED:
                self[kind] += 1

    def count_refusal(self) -> None:
        self[Overloaded.__name__] += 1
