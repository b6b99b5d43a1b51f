"""What is over is taken out of storage by a job, as long as anything is kept for a while only."""

from __future__ import annotations

from functools import partial

from jackfield_hub.database import EVERY_ORGANIZATION, Transaction
from jackfield_hub.hub import Hub
from jackfield_hub.jobs.service import Job
from jackfield_hub.logs import log
from jackfield_hub.storage import store

SWEEP_JOB = "sweep_storage"
SWEEP_SECONDS = 300.0
BATCH = 100  # storages


def register(hub: Hub) -> None:
    """Let this process take away what is over."""
    hub.jobs.handler(SWEEP_JOB)(partial(_sweep, hub))


async def plan_sweep(hub: Hub, tx: Transaction) -> None:
    """Make sure that somebody sweeps, some minutes from now."""
    await hub.jobs.enqueue(tx, SWEEP_JOB, {}, dedupe="all", run_after=hub.clock() + SWEEP_SECONDS)


async def sweep(hub: Hub) -> int:
    """Take away all that is over; return how many entries that were."""
    count = 0
    while True:
        async with hub.database.reading(EVERY_ORGANIZATION) as tx:
            storages = await store.list_expired(tx, hub.clock(), BATCH)
        for storage in storages:
            async with hub.database.transaction(storage["organization_id"]) as tx:
                entries, size = await store.delete_expired(tx, storage["storage_id"], hub.clock())
                await store.weigh(tx, storage["storage_id"], -entries, -size)
            count += entries
        if len(storages) < BATCH:
            return count


async def _sweep(hub: Hub, job: Job) -> None:
    count = await sweep(hub)
    if count:
        log.info("storage_swept", entries=count)
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        await job.finish(tx)
        if await store.will_any_expire(tx):
            await plan_sweep(hub, tx)
