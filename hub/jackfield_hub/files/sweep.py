"""Files whose time is over, and what never arrived, are taken away."""

from __future__ import annotations

from jackfield_hub.database import EVERY_ORGANIZATION
from jackfield_hub.files import store
from jackfield_hub.files.shapes import place_of
from jackfield_hub.hub import Hub
from jackfield_hub.jobs.sweeps import Sweep

BATCH = 100


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


FILES = Sweep("files", sweep, store.is_any_left)
