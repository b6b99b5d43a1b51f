"""Calls to look up, and usage to count."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from jackfield_hub.calls import service as calls
from jackfield_hub.calls.history import service
from jackfield_hub.calls.history.service import AskedUsage
from jackfield_hub.calls.history.shapes import CallDetail, Calls, Dimension, UsageOfDays, Wanted
from jackfield_hub.calls.shapes import TaskOutcome, Usage
from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, refusals
from jackfield_hub.web import CurrentCaller, CurrentHub

router = APIRouter(tags=["Usage"])

DEFAULT_PAGE, MAX_PAGE = 100, 1000
Name = Annotated[str, StringConstraints(max_length=200)]


def _written_out(text: str) -> str:
    # Pydantic takes a number for seconds since 1970; who writes from=2026 means the year.
    if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        raise PydanticCustomError("written_out", "Input should be written like 2026-11-22")
    return text


Moment = Annotated[datetime, BeforeValidator(_written_out)]
Day = Annotated[date, BeforeValidator(_written_out)]


def _wanted(
    *,
    connector: Name | None = None,
    version: Name | None = None,
    operation: Name | None = None,
    auth_id: Annotated[UUID | None, Query(alias="authId")] = None,
    user_id: Annotated[UUID | None, Query(alias="userId")] = None,
    outcome: TaskOutcome | None = None,
    error_code: Annotated[Name | None, Query(alias="errorCode", description="For example #api_error.")] = None,
    request_id: Annotated[Name | None, Query(alias="requestId")] = None,
    since: Annotated[
        Moment | None, Query(alias="from", description="Begun then or later: 2026-11-22, or 2026-11-22T10:00:00Z.")
    ] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Begun before then.")] = None,
) -> Wanted:
    return Wanted(
        connector=connector,
        version=version,
        operation=operation,
        auth_id=None if auth_id is None else str(auth_id),
        user_id=None if user_id is None else str(user_id),
        outcome=outcome,
        error_code=error_code,
        request_id=request_id,
        since=_seconds(since),
        until=_seconds(until),
    )


def _seconds(moment: datetime | None) -> float | None:
    """Return a moment in seconds since 1970. One without a time zone is in UTC."""
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@router.get("/v1/calls", responses=refusals(InvalidInput, Forbidden))
async def list_calls(
    caller: CurrentCaller,
    hub: CurrentHub,
    wanted: Annotated[Wanted, Depends(_wanted)],
    first: Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")] = DEFAULT_PAGE,
    cursor: Annotated[UUID | None, Query(description="`endCursor` of the page before.")] = None,
) -> Calls:
    """Look up the calls that were run, the newest first. An end user sees their own.

    Go on while `hasNextPage` says so: the hub looks through so many calls for one answer, and what you look for may be
    rare.
    """
    return await service.list_calls(hub, caller, wanted, None if cursor is None else str(cursor), first)


@router.get("/v1/calls/{call_id}", responses=refusals(NotFound))
async def read_call(call_id: str, caller: CurrentCaller, hub: CurrentHub) -> CallDetail:
    """Look up one call. With what went in and came out, if this hub keeps that and you may see it."""
    return await service.read_call(hub, caller, call_id)


@router.get("/v1/usage", response_model_exclude_unset=True, responses=refusals(InvalidInput, Forbidden))
async def read_usage(
    *,
    caller: CurrentCaller,
    hub: CurrentHub,
    since: Annotated[Day | None, Query(alias="from", description="The first day, in UTC: 2026-11-22.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="The last day, in UTC.")] = None,
    by: Annotated[list[Dimension] | None, Query(description="What to tell apart; may be said again.")] = None,
    user_id: Annotated[UUID | None, Query(alias="userId")] = None,
) -> Usage | UsageOfDays:
    """Tell how many tasks your organization has used. Every executed call is one; lists and refusals are none.

    Without days, all of them since the organization exists.
    """
    if since is None and until is None and not by and user_id is None:
        return await calls.count_usage(hub, caller)
    asked = AskedUsage(since, until, tuple(dict.fromkeys(by or ())), None if user_id is None else str(user_id))
    return await service.count_days(hub, caller, asked)
