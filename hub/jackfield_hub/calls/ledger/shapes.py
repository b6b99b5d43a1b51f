"""What the ledger is asked to store, and what a place to store it must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from jackfield_hub.calls.shapes import KeptCall, Task, TaskOutcome
from jackfield_hub.database import Database
from jackfield_hub.idempotency.shapes import Promise


@dataclass(frozen=True, slots=True)
class Claim:
    """That a call with this key begins. `task` is what the ledger shall say if nobody hears of it again.

    Promises that were made before `since` count no more. With `may_redo` one nobody heard of again is no obstacle.
    """

    promise: Promise
    task: Task
    since: float  # seconds since 1970
    may_redo: bool


@dataclass(frozen=True, slots=True)
class Complete:
    """How the call with this key ended, which was claimed with a task of this id."""

    promise: Promise
    task_id: str
    outcome: TaskOutcome
    output: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """That the call with this key was not run after all."""

    promise: Promise
    task_id: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A call its process died over. Should there be a task with this id, that one is right."""

    task: Task


class Entry(NamedTuple):
    """What belongs together: it is stored in one transaction, or not at all."""

    task: Task | None = None
    deed: Claim | Complete | Release | Lost | None = None


class HomeAway(Exception):
    """The place cannot be reached or is full. Whether it has stored the batch is not known; give it again."""


class Home(Protocol):
    """A place that keeps tasks and promises, and the counts of an organization's tasks.

    A task that is given again, under the same id, is stored once and counted once.
    """

    @property
    def rows(self) -> Database:
        """Where what it keeps can be read."""
        ...

    async def write(self, entries: Sequence[Entry]) -> list[KeptCall | None]:
        """Store all of this or nothing. Return for each entry None, or what stands in the way of its claim.

        Raises HomeAway, and anything else when there is something in the entries it does not take.
        """
        ...

    async def close(self) -> None: ...
