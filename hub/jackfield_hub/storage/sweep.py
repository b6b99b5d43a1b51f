"""What was kept for a while only, and is over, is taken out of storage."""

from __future__ import annotations

from jackfield_hub.database import EVERY_ORGANIZATION
from jackfield_hub.hub import Hub
from jackfield_hub.jobs.sweeps import Sweep
from jackfield_hub.storage import store

BATCH = 100  # storages


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


STORAGE = Sweep("storage", sweep, store.will_any_expire)
