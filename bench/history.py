"""What looking up calls costs in a ledger of 1,000,000, and what the index for it costs whoever records a call.

python -m bench.history [--calls 1000000]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

from jackfield_hub.calls.history import store, sweep
from jackfield_hub.calls.history.shapes import DAY_SECONDS, Dimension, Wanted, first_id_at
from jackfield_hub.calls.ledger import file_store
from jackfield_hub.calls.ledger.file_home import FileHome
from jackfield_hub.calls.ledger.shapes import Entry
from jackfield_hub.calls.shapes import Task, TaskOutcome

DAYS = 30
BATCH = 64
SUM_BATCH = sweep.BATCH
WRITTEN = 10_000
ROUNDS = 4
BIG, SMALL = "big-organization", "small-organization"
INDEX = "ix_tasks_of_organization"


def calls(count: int, until: float) -> Iterator[Task]:
    """Yield calls spread over the last 30 days: one in a hundred is a small organization's, one in a thousand rare."""
    chance = random.Random(4711)
    for number in range(count):
        at = until - DAYS * DAY_SECONDS * (1 - number / count)
        yield Task(
            task_id=first_id_at(at)[:-12] + f"{number:012x}",
            organization_id=SMALL if number % 100 == 0 else BIG,
            connector=f"connector-{chance.randrange(20)}",
            version="1.0",
            operation="rare" if number % 1000 == 999 else f"operation_{chance.randrange(10)}",
            auth_id=f"auth-{chance.randrange(1000)}",
            caller_kind="user",
            user_id=f"user-{chance.randrange(5000)}",
            outcome=TaskOutcome.ERROR if chance.random() < 0.02 else TaskOutcome.SUCCESS,
            error_code=None,
            started_at=at,
            milliseconds=12.5,
            request_id=f"{number:016x}",
        )


async def milliseconds(work: Callable[[], Awaitable[Any]]) -> float:
    """Return the best of some rounds: others use the machine as well."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


async def look(home: FileHome, now: float, count: int) -> None:
    """Say how long it takes to look things up."""

    async def page(organization: str, wanted: Wanted, below: str | None = None) -> Any:
        async with home.rows.reading(organization) as tx:
            return await store.list_calls(tx, organization, wanted, below, 100)

    async def all_pages(wanted: Wanted) -> int:
        below, found = None, 0
        while True:
            one = await page(BIG, wanted, below)
            found, below = found + len(one.tasks), one.go_on_at
            if below is None:
                return found

    async def usage(by: tuple[Dimension, ...], organization: str = BIG) -> None:
        async with home.rows.reading(organization) as tx:
            for day in range(int(now // DAY_SECONDS) - DAYS, int(now // DAY_SECONDS) + 1):
                await store.count_stored(tx, organization, day, by=by, user_id=None, at_most=10_000)

    middle = first_id_at(now - DAYS * DAY_SECONDS / 2)
    shown = {
        "the newest 100": lambda: page(BIG, Wanted()),
        "100 from the middle": lambda: page(BIG, Wanted(), middle),
        "the newest 100 of a small organization": lambda: page(SMALL, Wanted()),
        "the newest 100 errors": lambda: page(BIG, Wanted(outcome=TaskOutcome.ERROR)),
        "the newest 100 of one user, one page": lambda: page(BIG, Wanted(user_id="user-7")),
        "what is not there, one page": lambda: page(BIG, Wanted(operation="nowhere")),
        "what is not there, through all pages": lambda: all_pages(Wanted(operation="nowhere")),
        "a request's id, through all pages": lambda: all_pages(Wanted(request_id=f"{count // 2:016x}")),
        "30 days by connector, not summed up": lambda: usage((Dimension.DAY, Dimension.CONNECTOR)),
        "30 days by user, not summed up": lambda: usage((Dimension.USER,)),
    }
    for name, work in shown.items():
        print(f"  {name:45} {await milliseconds(work):8.1f} ms")
    began = time.perf_counter()
    await sum_up(home, now)
    print(f"  {'summing up 30 days, once':45} {(time.perf_counter() - began) * 1000:8.1f} ms")
    days = range(int(now // DAY_SECONDS) - DAYS, int(now // DAY_SECONDS) + 1)

    async def summed() -> None:
        async with home.rows.reading(BIG) as tx:
            await store.count_summed(
                tx, BIG, days, by=(Dimension.DAY, Dimension.CONNECTOR), user_id=None, at_most=10_000
            )

    print(f"  {'30 days by connector, summed up':45} {await milliseconds(summed):8.1f} ms")


async def sum_up(home: FileHome, now: float) -> None:
    for day in range(int(now // DAY_SECONDS) - DAYS, int(now // DAY_SECONDS) + 1):
        async with home.rows.reading() as tx:
            sums = await store.sum_up_day(tx, day)
        for start in range(0, len(sums), SUM_BATCH):
            async with home.rows.transaction() as tx:
                await store.store_sums(tx, sums[start : start + SUM_BATCH])


def write_cost(home: FileHome, tasks: list[Task]) -> float:
    """Return the microseconds of processor time one task takes to be stored, in batches as under load."""
    began = time.process_time()
    for start in range(0, len(tasks), BATCH):
        file_store.write(home.connection, [Entry(task) for task in tasks[start : start + BATCH]], "")
    return (time.process_time() - began) / len(tasks) * 1e6


def fill(home: FileHome, tasks: Iterator[Task]) -> None:
    columns = ", ".join("?" * len(Task.__dataclass_fields__))
    home.connection.execute("BEGIN")
    home.connection.executemany(f"INSERT INTO tasks VALUES ({columns})", (astuple(task) for task in tasks))
    home.connection.execute("COMMIT")


async def main(count: int) -> None:
    now = time.time()
    with tempfile.TemporaryDirectory() as folder:
        home = await FileHome.open(Path(folder) / "usage.db")
        fill(home, calls(count, now - DAY_SECONDS))
        size = (Path(folder) / "usage.db").stat().st_size
        print(f"{count:,} calls in {size / 1e6:.0f} MB")
        await look(home, now, count)
        costs: dict[str, list[float]] = {"with": [], "without": []}
        create = home.connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [INDEX]).fetchone()[0]
        for round_number in range(ROUNDS * 2):  # by turns: the disk has better and worse minutes
            which = "with" if round_number % 2 == 0 else "without"
            if which == "without":
                home.connection.execute(f"DROP INDEX {INDEX}")
            costs[which].append(write_cost(home, list(calls(WRITTEN, now + (round_number + 1) * 10 * DAY_SECONDS))))
            if which == "without":
                home.connection.execute(create)
        for which, taken in costs.items():
            print(f"  storing a call in batches of {BATCH}, {which} the index: {statistics.median(taken):6.1f} µs")
        await home.close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=1_000_000)
    asyncio.run(main(arguments.parse_args().calls))
