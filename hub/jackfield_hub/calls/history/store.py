"""Rows of the ledger, looked up and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.calls.history.shapes import (
    DAY_SECONDS,
    Dimension,
    Found,
    Key,
    SealedPayload,
    Wanted,
    first_id_at,
)
from jackfield_hub.calls.shapes import Task, TaskOutcome
from jackfield_hub.database import Transaction
from jackfield_hub.tables import data_keys, payloads, tasks, usage_days

LOOKED_AT = 20_000  # rows for one page: what somebody looks for may be rare, and an answer must not take long
SLACK_SECONDS = 3600.0  # a row's id is as old as its end; a call may have begun a little earlier, or clocks were set

#: Stored when all of an organization's day is: no connector has an empty name.
_END: dict[str, Any] = {"connector": "", "operation": "", "user_id": "", "tasks": 0}
_USER = func.coalesce(tasks.c.user_id, "")


async def list_calls(tx: Transaction, organization_id: str, wanted: Wanted, below: str | None, size: int) -> Found:
    """Return the newest calls that are wanted, of those with ids below this one."""
    window = _window(organization_id, wanted, below).order_by(tasks.c.task_id.desc())
    rows = await tx.rows(_matching(window, wanted).limit(size + 1))
    found = [_task(row) for row in rows[:size]]
    if len(rows) > size:
        return Found(found, found[-1].task_id)
    if wanted.is_everything:
        return Found(found)
    return Found(found, await tx.scalar(window.with_only_columns(tasks.c.task_id).offset(LOOKED_AT - 1).limit(1)))


def _matching(window: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.is_everything:
        return window
    near = window.limit(LOOKED_AT).subquery()
    matching = select(near).where(*(near.c[name] == value for name, value in wanted.exact().items()))
    if wanted.since is not None:
        matching = matching.where(near.c.started_at >= wanted.since)
    if wanted.until is not None:
        matching = matching.where(near.c.started_at < wanted.until)
    return matching.order_by(near.c.task_id.desc())


def _window(organization_id: str, wanted: Wanted, below: str | None) -> Select[Any]:
    """Return the rows to look through, found by the index alone."""
    window = select(tasks).where(tasks.c.organization_id == organization_id)
    if below is not None:
        window = window.where(tasks.c.task_id < below)
    if wanted.since is not None:
        window = window.where(tasks.c.task_id >= first_id_at(wanted.since - SLACK_SECONDS))
    if wanted.until is not None:
        window = window.where(tasks.c.task_id < first_id_at(wanted.until + SLACK_SECONDS))
    return window


async def find_call(tx: Transaction, organization_id: str, call_id: str) -> Task | None:
    """Return this call of the organization's, or None."""
    row = await tx.one_or_none(
        select(tasks).where(tasks.c.task_id == call_id, tasks.c.organization_id == organization_id)
    )
    return None if row is None else _task(row)


def _task(row: Mapping[Any, Any]) -> Task:
    values: dict[str, Any] = {**row, "outcome": TaskOutcome(row["outcome"])}
    return Task(**values)


async def last_summed_day(tx: Transaction, organization_id: str | None) -> int | None:
    """Return the last day that is summed up already, of this organization or of any."""
    ends = select(usage_days.c.day).where(usage_days.c.connector == "").order_by(usage_days.c.day.desc()).limit(1)
    return await tx.scalar(ends if organization_id is None else ends.where(_is_of(organization_id)))


async def count_summed(
    tx: Transaction, organization_id: str, days: range, *, by: Sequence[Dimension], user_id: str | None, at_most: int
) -> list[tuple[Key, int]]:
    """Return how many calls there were on days that are summed up, for each group; at most so many groups."""
    columns = usage_days.c
    groups = {
        Dimension.DAY: columns.day,
        Dimension.CONNECTOR: columns.connector,
        Dimension.OPERATION: columns.operation,
        Dimension.USER: columns.user_id,
    }
    rows = _groups([groups[one] for one in by], func.sum(columns.tasks))
    is_real = columns.connector != ""
    rows = rows.where(_is_of(organization_id), is_real, columns.day.between(days.start, days.stop - 1))
    if user_id is not None:
        rows = rows.where(columns.user_id == user_id)
    return await _counted(tx, rows.limit(at_most))


async def count_stored(
    tx: Transaction, organization_id: str, day: int, *, by: Sequence[Dimension], user_id: str | None, at_most: int
) -> list[tuple[Key, int]]:
    """Return the same of a day that is not summed up yet."""
    groups: dict[Dimension, ColumnElement[Any]] = {
        Dimension.CONNECTOR: tasks.c.connector,
        Dimension.OPERATION: tasks.c.operation,
        Dimension.USER: _USER,
    }
    asked = [one for one in by if one is not Dimension.DAY]
    rows = _groups([groups[one] for one in asked], func.count())
    rows = rows.where(tasks.c.organization_id == organization_id, *_stored_on(day))
    if user_id is not None:
        rows = rows.where(tasks.c.user_id == user_id)
    counted = await _counted(tx, rows.limit(at_most))
    place = by.index(Dimension.DAY) if Dimension.DAY in by else None
    if place is None:
        return counted
    return [((*key[:place], day, *key[place:]), number) for key, number in counted]


def _groups(columns: Sequence[ColumnElement[Any]], number: ColumnElement[Any]) -> Select[Any]:
    named = [column.label(f"part_{place}") for place, column in enumerate(columns)]
    return select(*named, number.label("number")).group_by(*columns)


async def _counted(tx: Transaction, rows: Select[Any]) -> list[tuple[Key, int]]:
    found: list[list[Any]] = [list(row.values()) for row in await tx.rows(rows)]
    return [(tuple(key), int(number)) for *key, number in found if number]  # a sum over nothing is no group


def _stored_on(day: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return tasks.c.task_id >= first_id_at(day * DAY_SECONDS), tasks.c.task_id < first_id_at((day + 1) * DAY_SECONDS)


async def sum_up_day(tx: Transaction, day: int) -> list[dict[str, Any]]:
    """Return what all organizations' rows of one day come to, ready to be stored; each organization's end is last."""
    groups = (tasks.c.organization_id, tasks.c.connector, tasks.c.operation, _USER)
    counted = select(*groups[:3], _USER.label("user_id"), func.count().label("tasks")).where(*_stored_on(day))
    sums = [{**row, "day": day} for row in await tx.rows(counted.group_by(*groups))]
    organizations = {row["organization_id"] for row in sums}
    return sums + [{"organization_id": one, "day": day, **_END} for one in organizations]


async def store_sums(tx: Transaction, sums: Sequence[dict[str, Any]]) -> None:
    """Store some of these; those that are there stay."""
    dialect = postgresql if tx.is_postgres else sqlite
    await tx.execute(dialect.insert(usage_days).on_conflict_do_nothing(), sums)


async def first_day(tx: Transaction) -> int | None:
    """Return the day of the oldest row, or None when there is none."""
    oldest = await tx.scalar(select(func.min(tasks.c.task_id)))
    return None if oldest is None else int(oldest.replace("-", "")[:12], 16) // (DAY_SECONDS * 1000)


async def delete_older(tx: Transaction, day: int, at_most: int) -> int:
    """Forget calls from before this day; return how many that were."""
    old = select(tasks.c.task_id).where(tasks.c.task_id < first_id_at(day * DAY_SECONDS))
    some = old.order_by(tasks.c.task_id).limit(at_most)
    return await tx.count_changed(delete(tasks).where(tasks.c.task_id.in_(some)))


async def insert_payloads(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    await tx.execute(insert(payloads), rows)


async def find_payload(tx: Transaction, organization_id: str, call_id: str, now: float) -> SealedPayload | None:
    """Return what is kept of a call, if its time is not over."""
    row = await tx.one_or_none(
        select(payloads.c.content, payloads.c.key_id, data_keys.c.sealed_key)
        .join(data_keys, payloads.c.key_id == data_keys.c.id)
        .where(payloads.c.id == call_id, payloads.c.organization_id == organization_id, payloads.c.expires_at > now)
    )
    if row is None:
        return None
    return SealedPayload(SealedKey(row["key_id"], organization_id, row["sealed_key"]), row["content"])


async def delete_expired_payloads(tx: Transaction, now: float, at_most: int) -> int:
    """Forget payloads whose time is over; return how many that were."""
    some = select(payloads.c.id).where(payloads.c.expires_at <= now).limit(at_most)
    return await tx.count_changed(delete(payloads).where(payloads.c.id.in_(some)))


def _is_of(organization_id: str) -> ColumnElement[bool]:
    return usage_days.c.organization_id == organization_id
