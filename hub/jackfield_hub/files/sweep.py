"""Files whose time is over, and what never arrived, are taken away: by a job, as long as there are files."""

from __future__ import annotations

from functools import partial

from jackfield_hub.database import EVERY_ORGANIZATION, Transaction
from jackfield_hub.files import store
from jackfield_hub.files.shapes import place_of
from jackfield_hub.hub import Hub
from jackfield_hub.jobs.service import Job
from jackfield_hub.logs import log

SWEEP_JOB = "sweep_files"
SWEEP_SECONDS = 300.0
BATCH = 100


def register(hub: Hub) -> None:
    """Let this process take away files whose time is over."""
    hub.jobs.handler(SWEEP_JOB)(partial(_sweep, hub))


async def plan_sweep(hub: Hub, tx: Transaction) -> None:
    """Make sure that somebody sweeps, some minutes from now."""
    await hub.jobs.enqueue(tx, SWEEP_JOB, {}, dedupe="all", run_after=hub.clock() + SWEEP_SECONDS)


async def sweep(hub: Hub) -> int:
    """Take away every file whose time is over; return how many that were. Raises DepotAway."""
    count = 0
    while True:
        async with hub.database.reading(EVERY_ORGANIZATION) as tx:
            expired = await store.list_expired(tx, hub.clock(), BATCH)
        for row in expired:
            # The bytes first: a row without bytes is swept again, bytes without a row never are.
            await hub.depot.delete(place_of(row["organization_id"], row["id"]))
            async with hub.database.transaction(row["organization_id"]) as tx:
                await store.delete_file(tx, row["organization_id"], row["id"])
        count += len(expired)
        if len(expired) < BATCH:
            return count


async def _sweep(hub: Hub, job: Job) -> None:
    count = await sweep(hub)
    if count:
        log.info("files_swept", files=count)
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        await job.finish(tx)
        if await store.is_any_left(tx):
            await plan_sweep(hub, tx)
