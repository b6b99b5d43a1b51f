"""What may be asked about calls, and what clients see of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from jackfield.exchange import JsonObject
from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.calls.shapes import Task, TaskOutcome
from jackfield_hub.identity.shapes import CallerKind

DAY_SECONDS = 86_400
CONTENT = "content"  #: the field of a payload that is sealed


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls somebody looks for. What is None does not matter. Times are in seconds since 1970."""

    connector: str | None = None
    version: str | None = None
    operation: str | None = None
    auth_id: str | None = None
    user_id: str | None = None
    outcome: TaskOutcome | None = None
    error_code: str | None = None
    request_id: str | None = None
    since: float | None = None
    until: float | None = None

    @property
    def is_everything(self) -> bool:
        return self == Wanted()

    def exact(self) -> dict[str, str]:
        """Return what a row must have, by column."""
        names = ("connector", "version", "operation", "auth_id", "user_id", "outcome", "error_code", "request_id")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Found:
    """One page. `go_on_at` is the id to look below for the next one, None when nothing is left."""

    tasks: list[Task] = field(default_factory=list[Task])
    go_on_at: str | None = None


@dataclass(frozen=True, slots=True)
class KeptPayload:
    """What went into a call and came out, ready to be sealed. Times are in seconds since 1970."""

    task_id: str
    organization_id: str
    content: JsonObject
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """The same, as it is stored."""

    key: SealedKey
    content: bytes


class CallElement(BaseModel):
    """One call that was run."""

    id: str
    connector: str
    version: str
    operation: str
    auth_id: str | None = Field(serialization_alias="authId")
    called_by: CallerKind = Field(serialization_alias="calledBy", description="Which kind of token it was called with.")
    user_id: str | None = Field(serialization_alias="userId", description="Null for the master token.")
    outcome: TaskOutcome
    error_code: str | None = Field(serialization_alias="errorCode")
    started_at: datetime = Field(serialization_alias="startedAt")
    milliseconds: float
    request_id: str = Field(serialization_alias="requestId", description="The X-Request-Id of the answer.")

    @classmethod
    def of(cls, task: Task) -> CallElement:
        return cls(
            id=task.task_id,
            connector=task.connector,
            version=task.version,
            operation=task.operation,
            auth_id=task.auth_id,
            called_by=CallerKind(task.caller_kind),
            user_id=task.user_id,
            outcome=task.outcome,
            error_code=task.error_code,
            started_at=datetime.fromtimestamp(task.started_at, UTC),
            milliseconds=round(task.milliseconds, 3),
            request_id=task.request_id,
        )


class Payload(BaseModel):
    """What went into a call and what came out, without the secrets of its auth."""

    input: str = Field(description="JSON text.")
    output: str = Field(description="JSON text.")
    is_cut: bool = Field(alias="isCut", description="They are longer than what is kept: the end is missing.")


class CallDetail(CallElement):
    """One call, with its payload where the hub keeps those and the caller may see it."""

    payload: Payload | None


class CallsPage(BaseModel):
    """Where to go on. A page may hold fewer calls than asked for, even none, and not be the last."""

    has_next_page: bool = Field(serialization_alias="hasNextPage")
    end_cursor: str = Field(serialization_alias="endCursor")


class Calls(BaseModel):
    """Calls, the newest first."""

    elements: list[CallElement]
    page_info: CallsPage = Field(serialization_alias="pageInfo")


class Dimension(StrEnum):
    """What usage can be told apart by."""

    DAY = "day"  #: in UTC
    CONNECTOR = "connector"
    OPERATION = "operation"
    USER = "user"


Key = tuple[str | int, ...]  #: one value for each dimension that was asked for; a day is a number


class UsageGroup(BaseModel):
    """How many calls there were of one kind; of what was asked for."""

    day: date | None = None
    connector: str | None = None
    operation: str | None = None
    user_id: str | None = Field(default=None, serialization_alias="userId", description="Empty for the master token.")
    tasks: int

    @classmethod
    def of(cls, by: Sequence[Dimension], key: Key, tasks: int) -> UsageGroup:
        """Return a group from its key, which has a value for each of the dimensions `by`."""
        said: dict[str, Any] = {_NAMES[dimension]: value for dimension, value in zip(by, key, strict=True)}
        if "day" in said:
            said["day"] = day_of(int(said["day"]))
        return cls(**said, tasks=tasks)


class UsageOfDays(BaseModel):
    """What was used on some days."""

    tasks: int = Field(description="Executed calls of these days, whatever their outcome.")
    groups: list[UsageGroup]


_NAMES = {
    Dimension.DAY: "day",
    Dimension.CONNECTOR: "connector",
    Dimension.OPERATION: "operation",
    Dimension.USER: "user_id",
}


def day_of(number: int) -> date:
    """Return the day with this number, counted since 1970."""
    return date(1970, 1, 1) + timedelta(days=number)


def number_of_day(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def first_id_at(seconds: float) -> str:
    """Return the id no call has that was stored at this moment or later, and all that were stored before lie below."""
    milliseconds = max(0, min(int(seconds * 1000), 2**48 - 1)).to_bytes(6, "big")
    return str(UUID(bytes=milliseconds + b"\x70\x00\x80" + bytes(7)))
