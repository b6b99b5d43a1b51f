"""Looks at workers from outside, as the host sees them: how much memory they hold, how much they compute.

    zygote ──► worker 7 is its process 12 ──► 12 in its namespace is 4711 on the host ──► /proc/4711

What a worker may ask for is limited by the kernel; this is for what it holds, and for who should wait for whom.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STATM_BYTES = 256
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROCESSOR_CLOCK = 2  # the kernel's CPUCLOCK_SCHED
CALM = 1 / 3  # of what counts as busy


@dataclass(frozen=True)
class Seen:
    """One worker at one moment. `busy_share` is how much of a processor it has used since the look before."""

    worker: int
    resident_bytes: int
    busy_share: float


@dataclass
class _Known:
    process_id: int  # on the host
    processor_seconds: float


class Watch:
    """The processes of one pool. Its methods read files: call them on a thread."""

    def __init__(self, busy_share: float) -> None:
        self._busy_share = busy_share
        self._known: dict[int, _Known] = {}
        self.may_reorder = may_come_back()
        self._last_look = time.monotonic()

    def look(self, first: int, workers: Mapping[int, int]) -> list[Seen]:
        """Return the workers that live. `workers` has the zygote's process ids: `{7: 12}`; `first` is the pool's."""
        self._find(first, workers)
        now = time.monotonic()
        seconds, self._last_look = now - self._last_look, now
        return [seen for worker, known in self._known.items() if (seen := _look_at(worker, known, seconds))]

    def put_in_order(self, seen: Iterable[Seen]) -> None:
        """Let workers that compute all the time run only when no others want to, and bring them back later."""
        for one in seen if self.may_reorder else ():
            process_id = self._known[one.worker].process_id
            if one.busy_share > self._busy_share:
                _schedule(process_id, os.SCHED_IDLE)  # each time anew: it may have started threads in between
            elif one.busy_share < self._busy_share * CALM and _is_behind(process_id):
                _schedule(process_id, os.SCHED_OTHER)

    def _find(self, first: int, workers: Mapping[int, int]) -> None:
        """Learn who is who on the host."""
        for gone in self._known.keys() - workers.keys():
            del self._known[gone]
        new = {inner: worker for worker, inner in workers.items() if worker not in self._known}
        for process_id in _descendants(first) if new else ():
            worker = new.get(_innermost_id(process_id))
            if worker is not None:
                self._known[worker] = _Known(process_id, _processor_seconds(process_id))


def may_come_back() -> bool:
    """Return whether we may give a thread its old place back. It takes a privilege, or RLIMIT_NICE."""
    allowed: list[bool] = []

    def try_it() -> None:
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            allowed.append(True)

    trial = threading.Thread(target=try_it)  # of itself: when it may not come back, it ends
    trial.start()
    trial.join()
    return bool(allowed)


def _descendants(first: int) -> list[int]:
    """Return the workers of a zygote, which is this process or, behind a starter, its only child."""
    children = _children(first)
    return [*children, *(further for child in children for further in _children(child))]


def _children(process_id: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]
    return []


def _innermost_id(process_id: int) -> int:
    """Return what a process is called in the namespace it lives in."""
    with suppress(OSError):
        for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return 0


def _look_at(worker: int, known: _Known, seconds: float) -> Seen | None:
    try:
        resident = _resident_bytes(known.process_id)
    except OSError:
        return None
    before, known.processor_seconds = known.processor_seconds, _processor_seconds(known.process_id)
    return Seen(worker, resident, (known.processor_seconds - before) / seconds)


def _resident_bytes(process_id: int) -> int:
    descriptor = os.open(f"/proc/{process_id}/statm", os.O_RDONLY)  # half of what a pathlib.Path takes
    try:
        return int(os.read(descriptor, STATM_BYTES).split()[1]) * PAGE_BYTES
    finally:
        os.close(descriptor)


def _processor_seconds(process_id: int) -> float:
    """Return how long all threads of a process have computed."""
    clock = ~process_id << 3 | PROCESSOR_CLOCK  # clock_getcpuclockid(3), which Python does not have
    with suppress(OSError):
        return time.clock_gettime(clock)
    return 0.0


def _is_behind(process_id: int) -> bool:
    with suppress(OSError):
        return os.sched_getscheduler(process_id) == os.SCHED_IDLE
    return False


def _schedule(process_id: int, policy: int) -> None:
    """Give all threads of a process this policy."""
    with suppress(PermissionError, FileNotFoundError):
        for thread in os.listdir(f"/proc/{process_id}/task"):  # noqa: PTH208 - names only
            with suppress(ProcessLookupError):
                os.sched_setscheduler(int(thread), policy, os.sched_param(0))
