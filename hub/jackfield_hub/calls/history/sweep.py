"""Every ten minutes: payloads and authors' logs whose time is over are forgotten, days that are over are summed up, and
single calls that are old enough are forgotten. Their sums stay.

A day is summed up when another whole day has passed: a call that ended before midnight may be stored after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from jackfield_hub.calls import store as calls
from jackfield_hub.calls.history import store
from jackfield_hub.calls.history.shapes import DAY_SECONDS
from jackfield_hub.database import EVERY_ORGANIZATION, Transaction
from jackfield_hub.hub import Hub
from jackfield_hub.jobs.service import Job
from jackfield_hub.logs import log

SWEEP_JOB = "sweep_calls"
SWEEP_SECONDS = 600.0
SUMMED_AFTER_DAYS = 2
BATCH = 500  # rows; calls wait while the ledger's file is written to: a few milliseconds, and then a pause
PAUSE_SECONDS = 0.05


def register(hub: Hub) -> None:
    """Let this process sum up days and forget old calls."""
    hub.jobs.handler(SWEEP_JOB, on_lost=partial(_sweep_later, hub))(partial(_sweep, hub))


async def plan_sweep(hub: Hub) -> None:
    """Make sure that somebody sweeps, soon, and from then on again and again."""
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        await hub.jobs.enqueue(tx, SWEEP_JOB, {}, dedupe="all")


async def sweep(hub: Hub) -> int:
    """Do all that is to be done now; return how many calls were forgotten."""
    today = int(hub.clock() // DAY_SECONDS)
    await _forget_expired(hub, store.delete_expired_payloads)
    await _forget_expired(hub, calls.delete_expired_log_entries)
    await _sum_up(hub, today - SUMMED_AFTER_DAYS + 1)
    kept_days = hub.settings.calls_kept_days
    return await _forget(hub, today - max(kept_days, SUMMED_AFTER_DAYS)) if kept_days else 0


async def _forget_expired(hub: Hub, delete: Callable[[Transaction, float, int], Awaitable[int]]) -> None:
    while True:
        async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
            some = await delete(tx, hub.clock(), BATCH)
        if some < BATCH:
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def _sum_up(hub: Hub, end: int) -> None:
    """Sum up all days before this one."""
    async with hub.ledger.rows.reading(EVERY_ORGANIZATION) as tx:
        first, last = await store.first_day(tx), await store.last_summed_day(tx, None)
    if first is None:
        return
    # The last one again: we may have been stopped in the middle of it.
    for day in range(first if last is None else max(first, last), end):
        async with hub.ledger.rows.reading(EVERY_ORGANIZATION) as tx:
            sums = await store.sum_up_day(tx, day)
        for start in range(0, len(sums), BATCH):
            async with hub.ledger.rows.transaction(EVERY_ORGANIZATION) as tx:
                await store.store_sums(tx, sums[start : start + BATCH])
            await asyncio.sleep(PAUSE_SECONDS)


async def _forget(hub: Hub, day: int) -> int:
    forgotten = 0
    while True:
        async with hub.ledger.rows.transaction(EVERY_ORGANIZATION) as tx:
            some = await store.delete_older(tx, day, BATCH)
        forgotten += some
        if some < BATCH:
            return forgotten
        await asyncio.sleep(PAUSE_SECONDS)


async def _sweep(hub: Hub, job: Job) -> None:
    forgotten = await sweep(hub)
    if forgotten:
        log.info("calls_forgotten", calls=forgotten)
    await _sweep_later(hub, job)


async def _sweep_later(hub: Hub, job: Job) -> None:
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        await job.finish(tx)
        await hub.jobs.enqueue(tx, SWEEP_JOB, {}, dedupe="all", run_after=hub.clock() + SWEEP_SECONDS)
