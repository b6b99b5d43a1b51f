"""Who may look up which calls, and how many there were.

The organization's people see all of its calls, an end user their own. Whole days are summed up once (sweep.py); the
days since then are counted when somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from jackfield_hub.auths.sealing import open_json
from jackfield_hub.calls.history import store
from jackfield_hub.calls.history.shapes import (
    CONTENT,
    DAY_SECONDS,
    CallDetail,
    CallElement,
    Calls,
    CallsPage,
    Dimension,
    Key,
    Payload,
    UsageGroup,
    UsageOfDays,
    Wanted,
    day_of,
    number_of_day,
)
from jackfield_hub.calls.shapes import Task
from jackfield_hub.errors import InvalidInput, NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller, CallerKind, Right

MAX_GROUPS = 10_000
MAX_DAYS = 400
USUAL_DAYS = 30  # if nobody says since when


@dataclass(frozen=True, slots=True)
class AskedUsage:
    """Which days somebody wants counted, the last included, and what to tell apart."""

    since: date | None = None
    until: date | None = None
    by: tuple[Dimension, ...] = ()
    user_id: str | None = None


async def list_calls(hub: Hub, caller: Caller, wanted: Wanted, below: str | None, size: int) -> Calls:
    """Return the newest calls that are wanted, of those the caller may see. Raises Forbidden."""
    wanted = replace(wanted, user_id=_whose(caller, wanted.user_id))
    async with hub.ledger.rows.reading(caller.organization_id) as tx:
        found = await store.list_calls(tx, caller.organization_id, wanted, below, size)
    page = CallsPage(has_next_page=found.go_on_at is not None, end_cursor=found.go_on_at or "")
    return Calls(elements=[CallElement.of(task) for task in found.tasks], page_info=page)


async def read_call(hub: Hub, caller: Caller, call_id: str) -> CallDetail:
    """Return one call. Raises NotFound for those the caller may not see, too."""
    async with hub.ledger.rows.reading(caller.organization_id) as tx:
        task = await store.find_call(tx, caller.organization_id, call_id.lower())
    is_own = task is not None and caller.user_id is not None and task.user_id == caller.user_id
    if task is None or not (is_own or caller.may(Right.SEE_CALLS)):
        raise NotFound("There is no call with this id")
    payload = await _read_payload(hub, task) if is_own or caller.may(Right.SEE_PAYLOADS) else None
    return CallDetail(**CallElement.of(task).model_dump(), payload=payload)


async def _read_payload(hub: Hub, task: Task) -> Payload | None:
    async with hub.database.reading(task.organization_id) as tx:
        sealed = await store.find_payload(tx, task.organization_id, task.task_id, hub.clock())
    if sealed is None:
        return None
    return Payload(**open_json(hub.vault, sealed.key, task.task_id, CONTENT, sealed.content))


async def count_days(hub: Hub, caller: Caller, asked: AskedUsage) -> UsageOfDays:
    """Return how many calls there were on these days. Raises InvalidInput, Forbidden."""
    user_id, days = _whose(caller, asked.user_id), _days(hub, asked)
    groups: Counter[Key] = Counter()
    asked_for: dict[str, Any] = {"by": asked.by, "user_id": user_id, "at_most": MAX_GROUPS}
    async with hub.counting, hub.ledger.rows.reading(caller.organization_id) as tx:
        last = await store.last_summed_day(tx, caller.organization_id)
        rest = days if last is None else range(max(days.start, min(last + 1, days.stop)), days.stop)
        summed = range(days.start, rest.start)
        if summed:
            _add(groups, await store.count_summed(tx, caller.organization_id, summed, **asked_for))
        for day in rest:
            counted = await store.count_stored(tx, caller.organization_id, day, **asked_for)
            _add(groups, counted)
    told = [UsageGroup.of(asked.by, key, groups[key]) for key in sorted(groups)] if asked.by else []
    return UsageOfDays(tasks=groups.total(), groups=told)


def _add(groups: Counter[Key], counted: Sequence[tuple[Key, int]]) -> None:
    for key, number in counted:
        groups[key] += number
    if len(groups) >= MAX_GROUPS or len(counted) >= MAX_GROUPS:
        raise InvalidInput(f"These are more than {MAX_GROUPS} groups; ask for fewer days, or tell less apart")


def _whose(caller: Caller, user_id: str | None) -> str | None:
    """Return whose calls are looked for; None for everybody's. Raises Forbidden."""
    if caller.kind is not CallerKind.END_USER or user_id not in (None, caller.user_id):
        caller.require(Right.SEE_CALLS)
    return caller.user_id if caller.kind is CallerKind.END_USER else user_id


def _days(hub: Hub, asked: AskedUsage) -> range:
    last = number_of_day(asked.until) if asked.until else int(hub.clock() // DAY_SECONDS)
    first = number_of_day(asked.since) if asked.since else last - USUAL_DAYS + 1
    if not 0 <= last - first < MAX_DAYS:
        raise InvalidInput(
            f"Invalid value for: query (from {day_of(first)} to {day_of(last)} must be 1 to {MAX_DAYS} days)"
        )
    return range(first, last + 1)
