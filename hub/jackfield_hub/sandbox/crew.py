"""The threads a worker runs its handlers on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from jackfield.errors import OutOfThreads

MAX_THREADS = 256
STACK_BYTES = 512 * 1024  # the default of 8 MiB would let address space end long before the 256th thread


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


class Crew:
    """Threads that come when they are needed and stay: as many calls at once as there are, at most 256.

    A fixed small number would be a hard ceiling on throughput: handlers mostly wait for a third party.
    """

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._size = 0
        threading.stack_size(STACK_BYTES)

    def run(self, task: Callable[[], None]) -> None:
        """Run the task on a thread, now or when one is free. Only one thread may call this."""
        self._tasks.put(task)
        if not self._idle.acquire(blocking=False) and self._size < MAX_THREADS:
            self._hire()

    def _hire(self) -> None:
        try:
            threading.Thread(target=self._work, daemon=True).start()
        except RuntimeError:
            # The connector's own threads have used up the limit. Those we have will take the task.
            if not self._size:
                raise
        else:
            self._size += 1

    def _work(self) -> None:
        while True:
            self._next_task()()

    def _next_task(self) -> Callable[[], None]:
        """Wait for a task. Idle only when there is none: else a task could be left to a thread that is busy."""
        try:
            return self._tasks.get_nowait()
        except Empty:
            self._idle.release()
            return self._tasks.get()
