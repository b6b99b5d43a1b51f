"""What a call leaves behind: the ledger's row, and what clients see of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter

from pydantic import BaseModel, Field

from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.calls.authors_log import LogEntry


class TaskOutcome(StrEnum):
    """How a call ended, as far as the hub knows."""

    SUCCESS = "success"  #: the operation gave its output
    ERROR = "error"  #: the operation did not succeed; `error_code` says whose turn it is
    UNKNOWN = "unknown"  #: the hub was stopped while the operation ran: the third party may have acted


@dataclass(slots=True)
class Task:
    """One executed call as the ledger keeps it: who, what, when and how it ended; never its input or output.

    It begins with the outcome "unknown", which is what shall be known of it if its process dies.
    """

    task_id: str
    organization_id: str
    connector: str
    version: str
    operation: str
    auth_id: str | None
    caller_kind: str
    user_id: str | None
    outcome: TaskOutcome
    error_code: str | None
    started_at: float  # seconds since 1970
    milliseconds: float
    request_id: str

    def end(self, outcome: TaskOutcome, error_code: str | None, seconds: float) -> None:
        """It has ended so, after so long."""
        self.outcome, self.error_code, self.milliseconds = outcome, error_code, seconds * 1000

    def to_row(self) -> tuple[str | float | None, ...]:
        """Return the values in the order of the fields, ready for a database."""
        return _VALUES(self)


_VALUES: Callable[[Task], tuple[str | float | None, ...]] = attrgetter(*(field.name for field in fields(Task)))


class PromiseState(StrEnum):
    """How far a call is that was sent with an Idempotency-Key."""

    RUNNING = "running"  #: it was begun; when the hub starts and finds this, it becomes UNKNOWN
    DONE = "done"  #: `outcome` and `output` are what was answered
    UNKNOWN = "unknown"  #: the hub was stopped while it ran


@dataclass(frozen=True, slots=True)
class KeptCall:
    """What is known of a call that was sent with an Idempotency-Key. `output` is JSON text."""

    body_hash: str
    state: PromiseState
    outcome: TaskOutcome
    output: bytes


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """What one call left for the connector's author, as it is stored."""

    entry_id: str
    key: SealedKey
    at: float
    request_id: str
    operation: str
    outcome: str
    text: bytes


class Usage(BaseModel):
    """What an organization has used."""

    tasks: int = Field(description="Executed calls since the organization exists, whatever their outcome.")


class AuthorsLogElement(BaseModel):
    """What one call left for the connector's author."""

    at: datetime
    request_id: str = Field(alias="requestId", description="The X-Request-ID the caller was answered with.")
    operation: str
    outcome: str = Field(description="success or error")
    text: str = Field(description="What the connector printed, and the traceback of what went wrong in its code.")

    @classmethod
    def of(cls, entry: LogEntry) -> AuthorsLogElement:
        return cls(
            at=datetime.fromtimestamp(entry.at, UTC),
            requestId=entry.request_id,
            operation=entry.operation,
            outcome=entry.outcome,
            text=entry.text,
        )


class AuthorsLogAnswer(BaseModel):
    """The newest entry first: the last fifty, for as long as the operator keeps them."""

    elements: list[AuthorsLogElement]
