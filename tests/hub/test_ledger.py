"""The ledger: what was acknowledged is on the disk, once, whatever happens next."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from jackfield_hub.calls.ledger import service as ledgers
from jackfield_hub.calls.ledger.file_home import FileHome
from jackfield_hub.calls.ledger.service import Ledger, LedgerBehind, NotRecorded, new_task_id
from jackfield_hub.calls.shapes import Task, TaskOutcome

WRITER = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from jackfield_hub.calls.ledger.file_home import FileHome
from jackfield_hub.calls.ledger.service import Ledger, new_task_id
from tests.hub.test_ledger import TASK

async def write_for_ever(ledger):
    while True:
        task = replace(TASK, task_id=new_task_id())
        await ledger.record(task)
        sys.stdout.write(task.task_id + "\\n")
        sys.stdout.flush()

async def main():
    ledger = Ledger(await FileHome.open(Path(sys.argv[1])))
    await asyncio.gather(*(write_for_ever(ledger) for _ in range(20)))

asyncio.run(main())
"""

TASK = Task(
    task_id="",
    organization_id="org-alice",
    connector="acme",
    version="1.0",
    operation="get_product",
    auth_id=None,
    caller_kind="master",
    user_id=None,
    outcome=TaskOutcome.SUCCESS,
    error_code=None,
    started_at=1.0,
    milliseconds=2.5,
    request_id="r-1",
)


def task(organization_id: str = "org-alice") -> Task:
    return replace(TASK, task_id=new_task_id(), organization_id=organization_id)


async def open_file(folder: Path) -> Ledger:
    return Ledger(await FileHome.open(folder / "usage.db"))


def stored_ids(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [task_id for (task_id,) in connection.execute("SELECT task_id FROM tasks ORDER BY task_id")]


async def test_two_hundred_calls_at_once_leave_two_hundred_rows(tmp_path: Path) -> None:
    ledger = await open_file(tmp_path)
    tasks = [task() for _ in range(200)]

    await asyncio.gather(*(ledger.record(one) for one in tasks))

    assert stored_ids(tmp_path / "usage.db") == sorted(one.task_id for one in tasks)
    assert await ledger.count("org-alice") == 200
    await ledger.close()


async def test_an_acknowledged_row_can_be_read_by_others_at_once(tmp_path: Path) -> None:
    ledger = await open_file(tmp_path)

    for expected in range(1, 20):
        await ledger.record(task())
        assert len(stored_ids(tmp_path / "usage.db")) == expected

    await ledger.close()


async def test_organizations_are_counted_apart(tmp_path: Path) -> None:
    ledger = await open_file(tmp_path)

    await asyncio.gather(*(ledger.record(task(name)) for name in ["org-alice", "org-charlie", "org-alice"]))

    assert await ledger.count("org-alice") == 2
    assert await ledger.count("org-charlie") == 1
    assert await ledger.count("org-nobody") == 0
    await ledger.close()


async def test_the_count_continues_after_a_restart(tmp_path: Path) -> None:
    for expected in (1, 2):
        ledger = await open_file(tmp_path)
        await ledger.record(task())
        assert await ledger.count("org-alice") == expected
        await ledger.close()


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    ledger = await open_file(tmp_path)
    written = [ledger.enter(task()) for _ in range(50)]

    await ledger.close()

    assert len(stored_ids(tmp_path / "usage.db")) == 50
    await asyncio.gather(*written)
    with pytest.raises(NotRecorded):
        await ledger.record(task())


async def test_a_caller_who_leaves_is_recorded_all_the_same(tmp_path: Path) -> None:
    ledger = await open_file(tmp_path)
    waiting = asyncio.create_task(ledger.record(task()))
    await asyncio.sleep(0)
    waiting.cancel()

    await ledger.record(task())

    assert await ledger.count("org-alice") == 2
    await ledger.close()


async def test_a_row_that_cannot_be_written_is_not_acknowledged_and_those_beside_it_are(tmp_path: Path) -> None:
    ledger = await open_file(tmp_path)
    first = task()
    await ledger.record(first)

    nobodys = ledger.enter(replace(TASK, task_id=new_task_id(), organization_id=None))  # pyright: ignore[reportArgumentType]
    await ledger.record(task())  # in the same batch

    with pytest.raises(NotRecorded):
        await nobodys
    assert await ledger.count("org-alice") == 2
    assert len(stored_ids(tmp_path / "usage.db")) == 2
    await ledger.close()


async def test_a_row_that_is_given_again_is_there_once_and_counted_once(tmp_path: Path) -> None:
    ledger = await open_file(tmp_path)
    first = task()
    await ledger.record(first)

    await ledger.record(replace(first, outcome=TaskOutcome.ERROR))

    assert await ledger.count("org-alice") == 1
    assert stored_ids(tmp_path / "usage.db") == [first.task_id]
    await ledger.close()


async def test_calls_are_refused_before_they_run_when_the_disk_cannot_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "WAITING_LIMIT", 3)
    ledger = await open_file(tmp_path)
    ledger.admit()

    slow_disk = sqlite3.connect(tmp_path / "usage.db", isolation_level=None)
    slow_disk.execute("BEGIN IMMEDIATE")
    first = ledger.enter(task())
    while ledger.waiting:  # noqa: ASYNC110 - it sets no event
        await asyncio.sleep(0.001)
    others = [ledger.enter(task()) for _ in range(3)]
    with pytest.raises(LedgerBehind):
        ledger.admit()
    slow_disk.execute("COMMIT")

    await asyncio.gather(first, *others)
    ledger.admit()
    await ledger.close()


async def test_while_the_disk_is_full_nothing_is_run_and_what_was_run_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "RETRY_SECONDS", 0.05)
    ledger = await open_file(tmp_path)
    fill_disk(ledger)

    run_when_it_got_full = [task() for _ in range(200)]
    ends = await asyncio.gather(*map(ledger.record, run_when_it_got_full), return_exceptions=True)
    assert any(isinstance(end, NotRecorded) for end in ends)
    with pytest.raises(LedgerBehind):
        ledger.admit()

    make_room(ledger)
    async with asyncio.timeout(10):
        while is_full(ledger):  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    assert set(stored_ids(tmp_path / "usage.db")) == {one.task_id for one in run_when_it_got_full}
    assert await ledger.count("org-alice") == 200
    await ledger.close()


def fill_disk(ledger: Ledger) -> None:
    """Let SQLite answer as it does on a full disk."""
    assert isinstance(ledger.home, FileHome)
    ledger.home.connection.execute("PRAGMA max_page_count = 1")


def make_room(ledger: Ledger) -> None:
    assert isinstance(ledger.home, FileHome)
    ledger.home.connection.execute("PRAGMA max_page_count = 1000000")


def is_full(ledger: Ledger) -> bool:
    try:
        ledger.admit()
    except LedgerBehind:
        return True
    return False


def test_ids_are_in_the_order_of_time() -> None:
    ids = [uuid.UUID(new_task_id()) for _ in range(100)]

    assert {one.version for one in ids} == {7}
    assert {one.variant for one in ids} == {uuid.RFC_4122}
    assert [one.int >> 80 for one in ids] == sorted(one.int >> 80 for one in ids)


@pytest.mark.parametrize("acknowledged", [1, 40, 300])
def test_kill_9_loses_no_acknowledged_row(tmp_path: Path, acknowledged: int) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "usage.db")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        assert writer.stdout is not None
        seen = [writer.stdout.readline().strip() for _ in range(acknowledged)]
        os.kill(writer.pid, signal.SIGKILL)
        seen += [line.strip() for line in writer.stdout if line.endswith("\n")]

    stored = stored_ids(tmp_path / "usage.db")
    assert set(seen) <= set(stored)
    assert len(stored) == len(set(stored))
