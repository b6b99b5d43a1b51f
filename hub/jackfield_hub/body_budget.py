"""How many bytes of large request bodies this process holds at once. A body costs several times its size until it is
unpacked, so a few of the largest would be enough to run out of memory."""

from __future__ import annotations

from jackfield_hub.errors import Unavailable

SMALL_BYTES = 64 * 1024  # as much as a connection reads ahead anyway


class BodyBudget:
    """Room for bodies. One alone always fits."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held = 0

    def room(self) -> Room:
        """Give the room of one request, for a `with`: what it takes is given back when the block ends."""
        return Room(self)

    def give_back(self, taken: int) -> None:
        self._held -= taken

    def check(self, more: int, held: int) -> None:
        """Raises Unavailable when the others leave no room for so many bytes more of a body of which we hold some."""
        if self._held > held and self._held + more > self._most_bytes:
            raise Unavailable("The hub is busy with other large requests; send this again in a moment", 2)

    def take(self, more: int, held: int) -> None:
        self.check(more, held)
        self._held += more


class Room:
    """What one request has taken."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self.taken = 0

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.give_back(self.taken)

    def expect(self, size: int) -> None:
        """Refuse a body of this size before any of it is read, if there is no room. Raises Unavailable."""
        if size > SMALL_BYTES:
            self._budget.check(size, 0)

    def hold(self, size: int) -> None:
        """Count what has been read of a body by now: announcing much costs others nothing. Raises Unavailable."""
        if size > SMALL_BYTES:
            self._budget.take(size - self.taken, self.taken)
            self.taken = size
