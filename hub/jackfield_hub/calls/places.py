"""Whose call runs now, when not all can.

    call ─▶ room? ── yes ─────────────────────────────▶ runs
             └ no ─▶ waits with others of its organization
                       ├─ organizations take turns ───▶ runs
                       └─ queue_seconds are over ─────▶ 503, Retry-After

Where several organizations call, how many run at once follows from how busy this process is. As long as it has time
left, that is no limit: calls mostly wait for a third party. When it has none, more calls at once would not be done any
sooner, they would only keep all others waiting; then few run, and the organizations take turns. One that runs less than
its share never waits, and one that is alone has nobody to wait for.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from jackfield_hub.errors import Unavailable

TICK_SECONDS = 0.05
# How much of its time the event loop works, or would if it had a processor. A call waits for the loop some ten times,
# the longer the less time the loop has left: at nine tenths three times as long as alone, at seven tenths just under
# twice as long (`python -m bench.fairness`).
BUSY, AT_EASE = 0.70, 0.55
NARROWEST = 4  # calls at once, in the busiest process that organizations share
SHARED_SECONDS = 10.0  # somebody who called so lately will call again

FULL = "The hub runs as many calls as it may; call again in a moment"


class Places:
    """The places for calls in this process. `most` are for one organization, twice as many for all."""

    def __init__(self, most: int, patience_seconds: float, busy: Callable[[], float] | None = None) -> None:
        self._most = most
        self._patience_seconds = patience_seconds
        self._busy = busy or LoopMeter().busy
        self._width = self._widest = 2 * most
        self._running: dict[str, int] = {}
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()  #: the next in turn is the first
        self._shared_until = 0.0
        self._ticking: asyncio.TimerHandle | None = None
        self.running = 0
        self.waiting = 0

    def place(self, organization_id: str) -> Place:
        """Give a place for an `async with`: taken when a call may run, given back when it ends. Raises Unavailable."""
        return Place(self, organization_id)

    def give_back(self, organization_id: str) -> None:
        """A call has ended: the next may run."""
        left = self._running[organization_id] - 1
        if left:
            self._running[organization_id] = left
        else:
            del self._running[organization_id]
        self.running -= 1
        if self.waiting:
            self._let_in()

    def take_at_once(self, organization_id: str) -> bool:
        """Take a place if there is one, and say whether there was."""
        if organization_id in self._waiting or not self._has_room_for(organization_id):
            return False
        self._seat(organization_id)
        return True

    def _has_room_for(self, organization_id: str) -> bool:
        own = self._running.get(organization_id, 0)
        if own >= self._most or self.running >= self._widest:
            return False
        return self.running < self._width or own < self._share(organization_id)

    def _share(self, organization_id: str) -> float:
        """How many places an organization has for itself, as long as the others fill the rest."""
        others = len(self._running.keys() | self._waiting.keys()) - (organization_id in self._running)
        return self._width / max(2, others + 1)

    def _seat(self, organization_id: str) -> None:
        self._running[organization_id] = self._running.get(organization_id, 0) + 1
        self.running += 1
        if len(self._running) > 1:
            self._shared_until = time.monotonic() + SHARED_SECONDS
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    # waiting

    async def wait(self, organization_id: str) -> None:
        """Return when it is this call's turn. Raises Unavailable."""
        # However many wait: who is refused at once asks again at once, and to refuse costs more than to let wait.
        if self._patience_seconds <= 0:
            raise Unavailable(FULL)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(organization_id, deque())
        queue.append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience_seconds):
                await turn
        except BaseException as failure:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back(organization_id)  # its turn came in the moment it gave up
            else:
                self._leave(organization_id, turn)
            if isinstance(failure, TimeoutError):
                raise Unavailable(FULL) from None
            raise

    def _leave(self, organization_id: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(organization_id)
        if queue is not None and turn in queue:
            queue.remove(turn)
            self.waiting -= 1
            if not queue:
                del self._waiting[organization_id]

    def _let_in(self) -> None:
        """Seat those whose turn it is, one of each organization after the other, as long as there is room."""
        passed_over = 0
        while self._waiting and passed_over < len(self._waiting):
            organization_id = next(iter(self._waiting))
            if not self._has_room_for(organization_id):
                passed_over += 1
                self._waiting.move_to_end(organization_id)
                continue
            passed_over = 0
            self._seat_next_of(organization_id)

    def _seat_next_of(self, organization_id: str) -> None:
        queue = self._waiting[organization_id]
        turn = queue.popleft()
        self.waiting -= 1
        if queue:
            self._waiting.move_to_end(organization_id)
        else:
            del self._waiting[organization_id]
        if not turn.done():
            self._seat(organization_id)
            turn.set_result(None)

    # how many at once

    def _tick(self) -> None:
        busy = self._busy()
        if not self._is_shared():
            self._width = self._widest
        elif busy >= BUSY:
            self._width = min(self._widest, max(NARROWEST, min(self._width, self.running) * 7 // 10))
        elif busy <= AT_EASE and self._width < self._widest:
            self._width = min(self._widest, self._width * 5 // 4 + 1)
        if self.waiting:
            self._let_in()
        if self.running or self.waiting:
            self._ticking = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
        else:
            self._ticking, self._width = None, self._widest

    def _is_shared(self) -> bool:
        return len(self._running.keys() | self._waiting.keys()) > 1 or time.monotonic() < self._shared_until


class Place:
    """A place of one call: a generator for every call would take five times as long.

    And hardly a call has to wait, so it is not made to.
    """

    __slots__ = ("_organization_id", "_places")

    def __init__(self, places: Places, organization_id: str) -> None:
        self._places = places
        self._organization_id = organization_id

    def __aenter__(self) -> Awaitable[None]:
        at_once = self._places.take_at_once(self._organization_id)
        return _DONE if at_once else self._places.wait(self._organization_id)

    def __aexit__(self, *_: object) -> Awaitable[None]:
        self._places.give_back(self._organization_id)
        return _DONE


class _Done:
    """There is nothing to wait for."""

    def __await__(self) -> Generator[Any, Any, None]:
        return cast("Generator[Any, Any, None]", iter(()))  # a generator is made, started and ended; this is only there


_DONE = _Done()


class LoopMeter:
    """How busy the thread is that asks: 1.0 is all the time. Waiting for a processor counts as being busy."""

    def __init__(self) -> None:
        self._seen: tuple[float, float] | None = None

    def busy(self) -> float:
        """Return the part of the time since the last question, which must be asked by the same thread."""
        now, used = time.monotonic(), _used_seconds()
        seen, self._seen = self._seen, (now, used)
        if seen is None or now - seen[0] > 2 * TICK_SECONDS + 1:
            return 0.0
        return (used - seen[1]) / max(now - seen[0], 1e-6)


def _used_seconds() -> float:
    """Return how long this thread has run or stood in line for a processor, in seconds."""
    with suppress(OSError, ValueError):  # where there is no /proc
        ran, stood_in_line, _ = Path("/proc/thread-self/schedstat").read_bytes().split()
        return (int(ran) + int(stood_in_line)) / 1e9
    return time.thread_time()
