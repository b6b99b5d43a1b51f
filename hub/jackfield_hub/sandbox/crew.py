"""The threads a worker runs its handlers on, and how they take turns.

    presides     takes what arrives: runs a call itself or has a thread that rests run it; the thread whose answer has
                 come goes on, and presides from then on
    runs         a handler, presiding no more; when that waits for an answer, or is done, the thread presides again
    waits        for an answer, or for a call (then it rests)

To wake a thread costs more than a handler's turn mostly does, and Python lets one thread run at a time anyway. So as
long as there is something to do for a thread that is awake, nobody else is woken. Where handlers keep a thread for
longer, because they compute or sleep, it does not preside meanwhile, and another is appointed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from jackfield.errors import OutOfThreads
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.outbox import Outbox

MAX_THREADS = 256
STACK_BYTES = 512 * 1024  # the default of 8 MiB would let address space end long before the 256th thread
PATIENCE_SECONDS = 0.005  # with a thread that runs a handler while nobody presides
HASTY_LOOKS = 200  # so many patiences long somebody is appointed at once, after one who did not come back

Answer = frames.HttpAnswer | frames.HttpKept | frames.HttpFailed


def name_the_limit() -> None:
    """Have a thread that cannot be started say so with our own error."""
    start = threading.Thread.start

    def start_or_say(thread: threading.Thread) -> None:
        try:
            start(thread)
        except RuntimeError:
            if thread.ident is not None:
                raise  # it had been started before
            raise OutOfThreads("The operation starts more threads than a connector may have.") from None

    threading.Thread.start = start_or_say  # pyright: ignore[reportAttributeAccessIssue] - it is called "self" there


class _Seat:
    """Where a thread waits until it may preside, mostly with a frame that is for it."""

    __slots__ = ("_frame", "_lock", "is_free")

    def __init__(self, *, is_free: bool) -> None:
        self.is_free = is_free  #: to run a call; else it waits for an answer
        self._frame: frames.Frame | None = None
        self._lock = threading.Lock()
        self._lock.acquire()

    def give(self, frame: frames.Frame | None) -> None:
        self._frame = frame
        self._lock.release()

    def wait(self) -> Any:
        """Return the frame that was given: a call for a free seat, else the answer. None: only to preside."""
        self._lock.acquire()
        return self._frame


class Crew:
    """Threads that come when they are needed and stay: as many calls at once as there are, at most 256.

    A fixed small number would be a hard ceiling on throughput: handlers mostly wait for a third party. `read` waits for
    frames, and raises EOFError when no more will come; `run` runs a call and returns the frame of its result.
    """

    def __init__(
        self, read: Callable[[], list[frames.Frame]], run: Callable[[Crew, frames.Call], bytes], outbox: Outbox
    ) -> None:
        self._read = read
        self._run = run
        self._outbox = outbox
        self._calls: deque[frames.Call] = deque()
        self._answers: deque[Any] = deque()
        self._waiting: dict[int, _Seat] = {}  # by the number of the request
        self._resting: list[_Seat] = []
        self._size = 0
        self._chair = threading.Lock()  # who has it presides
        self._turns = 0
        self._hasty_looks = 0
        self._is_busy = threading.Event()
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        threading.stack_size(STACK_BYTES)

    def start(self) -> None:
        """Begin to read. Nothing happens the second time."""
        if self._size:
            return
        self._chair.acquire()
        if not self._has_free_thread():
            raise OutOfThreads("A worker needs a thread.")
        self._appoint()
        threading.Thread(target=self._look, daemon=True).start()

    def join(self) -> None:
        """Return when no more frames will come. Raises what has gone wrong when they were read."""
        self._is_over.wait()
        if self._failure is not None:
            raise self._failure

    def ask(self, request_id: int, request: bytes) -> Answer:
        """Send the frame of a request; return the answer with its number. For any thread of a handler."""
        seat = self._waiting[request_id] = _Seat(is_free=False)
        self._outbox.leave(request)
        answer = self._next(seat)
        self._leave_the_chair()
        return answer

    def _work(self, seat: _Seat) -> None:
        call = seat.wait()
        while True:
            if call is None:
                call = self._preside(seat)
                continue
            self._leave_the_chair()
            self._outbox.leave(self._run(self, call))
            call = self._next(seat)

    def _next(self, seat: _Seat) -> Any:
        """Return the next frame for this seat; from then on its thread presides."""
        if self._chair.acquire(blocking=False):
            return self._preside(seat)
        if seat.is_free:
            self._resting.append(seat)
        self._outbox.flush()
        return seat.wait()

    def _preside(self, seat: _Seat) -> Any:
        """Do what there is to do, until it is something for this seat."""
        while True:
            if self._calls and seat.is_free:
                return self._calls.popleft()
            if self._answers:
                answer = self._answers.popleft()
                receiver = self._waiting.pop(answer.request_id, None)
                if receiver is seat:
                    return answer
                if receiver is not None:
                    return self._hand_over(seat, receiver, answer)
            elif self._calls and self._has_free_thread():
                return self._hand_over(seat, self._resting.pop(), self._calls.popleft())
            else:
                self._outbox.flush()
                self._receive()

    def _hand_over(self, seat: _Seat, receiver: _Seat, frame: frames.Frame) -> Any:
        if seat.is_free:
            self._resting.append(seat)
        receiver.give(frame)
        return seat.wait()

    def _receive(self) -> None:
        """Wait for frames. Whatever goes wrong here must not become the failure of some handler's request."""
        try:
            for frame in self._read():
                if isinstance(frame, frames.Call):
                    self._calls.append(frame)
                elif not isinstance(frame, frames.Cancel):  # a thread cannot be cancelled
                    self._answers.append(frame)
        except BaseException as failure:
            self._failure = None if isinstance(failure, EOFError) else failure
            self._is_over.set()
            _Seat(is_free=False).wait()  # until the process ends, which is now

    def _leave_the_chair(self) -> None:
        """Before a handler goes on."""
        self._turns += 1
        if not self._is_busy.is_set():
            self._is_busy.set()
        if self._hasty_looks and self._has_free_thread():
            self._appoint()
        else:
            self._chair.release()

    def _look(self) -> None:
        """Appoint another when nobody presides for a while."""
        while True:
            self._is_busy.wait()
            turns = self._turns
            time.sleep(PATIENCE_SECONDS)
            self._hasty_looks = max(0, self._hasty_looks - 1)
            if turns != self._turns:
                continue
            if not self._chair.acquire(blocking=False):
                self._rest(turns)
            elif self._has_free_thread():
                self._hasty_looks = HASTY_LOOKS
                self._appoint()
            else:
                self._chair.release()

    def _rest(self, turns: int) -> None:
        """Look no more until somebody runs again."""
        self._is_busy.clear()
        if turns != self._turns:  # which is just what has happened
            self._is_busy.set()

    def _appoint(self) -> None:
        """Have a thread that rests preside. The chair is taken, and a thread rests."""
        self._resting.pop().give(None)

    def _has_free_thread(self) -> bool:
        """Return whether a thread rests, if need be after another was started."""
        return bool(self._resting) or (self._size < MAX_THREADS and self._hire())

    def _hire(self) -> bool:
        seat = _Seat(is_free=True)
        try:
            threading.Thread(target=self._work, args=(seat,), daemon=True).start()
        except OutOfThreads:
            return False  # the connector's own threads have used up the limit: those we have will take the calls
        self._size += 1
        self._resting.append(seat)
        return True
