"""Claims a job and stands still in the middle of it: `job_worker DATABASE LEASE_SECONDS STALL_SECONDS`."""

from __future__ import annotations

import asyncio
import sys
import time

from jackfield_hub.database import Database
from jackfield_hub.jobs.service import Job, Jobs, LeaseLost


async def main(url: str, lease_seconds: float, stall_seconds: float) -> None:
    database = Database(url)
    jobs = Jobs(database)

    @jobs.handler("count", lease_seconds=lease_seconds)
    async def stall(job: Job) -> None:
        say(f"began {job.fence}")
        time.sleep(stall_seconds)  # noqa: ASYNC251 - the heart stands still too, as if the process were stopped
        try:
            await job.check()
        except LeaseLost:
            say("check: LeaseLost")
        try:
            async with database.transaction() as tx:
                await job.finish(tx)
        except LeaseLost:
            say("finish: LeaseLost")
            raise

    jobs.start()
    await asyncio.Event().wait()


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
