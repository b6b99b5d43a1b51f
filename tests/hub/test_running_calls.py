"""Calls a process died over: each is in the ledger once, whether it had been recorded or not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from jackfield_hub.calls.ledger.running import MAKING_SECONDS, SLOT_BYTES, SLOTS, Running, left_behind
from jackfield_hub.calls.shapes import TaskOutcome
from jackfield_hub.hub import open_hub
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy_and_wait
from tests.hub.processes import start
from tests.hub.stored import stored_values
from tests.hub.test_idempotency import FILES, person, usage
from tests.hub.test_ledger import TASK, task

CALL = "/core/v1/connectors/acme/versions/1.0/call"
CALLS = 5

WITHOUT_ROOM = """
import os, resource, sys
from pathlib import Path
from jackfield_hub.calls.ledger.running import Running

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
open_before = os.listdir("/proc/self/fd")
try:
    Running(Path(sys.argv[1]))
except OSError:
    assert os.listdir("/proc/self/fd") == open_before
    sys.exit(7)
"""


def lose(folder: Path) -> None:
    """Let go of the files in this folder as a process does that dies."""
    for path in folder.glob("*.calls"):
        path.with_name(f"dead-{path.name}").write_bytes(path.read_bytes())
        path.unlink()


def test_what_was_running_is_found_when_its_process_is_dead_and_not_before(tmp_path: Path) -> None:
    running = Running(tmp_path)
    first, second, third = task(), task(), task()
    slots = [running.begin(one) for one in (first, second, third)]
    running.end(slots[1])

    with left_behind(tmp_path) as lost:
        assert lost == []
    lose(tmp_path)
    with pytest.raises(RuntimeError), left_behind(tmp_path) as lost:
        raise RuntimeError
    with left_behind(tmp_path) as lost:
        assert {one.task_id for one in lost} == {first.task_id, third.task_id}  # ids of one millisecond have no order
    with left_behind(tmp_path) as lost:
        assert lost == []


def test_a_slot_is_used_again_and_what_has_no_room_is_not_noted(tmp_path: Path) -> None:
    running = Running(tmp_path)
    for _ in range(SLOTS + 10):
        running.end(running.begin(task()))

    assert running.begin(replace(TASK, operation="x" * SLOT_BYTES)) is None
    assert [running.begin(task()) is None for _ in range(SLOTS + 1)] == [False] * SLOTS + [True]
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size == SLOTS * SLOT_BYTES


@pytest.mark.parametrize("room", [0, SLOT_BYTES, SLOTS * SLOT_BYTES - 1])
def test_a_file_that_has_no_room_for_all_its_slots_is_not_begun(tmp_path: Path, room: int) -> None:
    process = subprocess.run([sys.executable, "-c", WITHOUT_ROOM, str(tmp_path), str(room)], check=False)

    assert process.returncode == 7
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_broken_keeps_nobody_from_starting(tmp_path: Path) -> None:
    (tmp_path / "broken.calls").write_bytes(b'\0\0\0\x04{"a"' + b"\xff" * 5000)

    with left_behind(tmp_path) as lost:
        assert lost == []


def test_a_file_whose_process_died_while_making_it_is_removed_once_nobody_can_be_at_it_any_more(tmp_path: Path) -> None:
    given_up, being_made = tmp_path / "given-up.new", tmp_path / "being-made.new"
    for path in (given_up, being_made):
        path.write_bytes(bytes(SLOT_BYTES))
    long_ago = time.time() - MAKING_SECONDS - 1
    os.utime(given_up, (long_ago, long_ago))

    with left_behind(tmp_path) as lost:
        assert lost == []

    assert list(tmp_path.iterdir()) == [being_made]


async def test_a_call_that_had_been_recorded_is_neither_changed_nor_counted_again(settings: Settings) -> None:
    async with open_hub(settings) as hub:
        recorded = replace(task(), outcome=TaskOutcome.SUCCESS)
        await hub.ledger.record(recorded)
        for one in (recorded, task()):
            hub.ledger.begin(replace(one, outcome=TaskOutcome.UNKNOWN))
        before = await hub.ledger.count("org-alice")
        lose(settings.data_dir / "running")

    async with open_hub(settings) as hub:
        after = await hub.ledger.count("org-alice")

    rows = stored_values(settings, "SELECT outcome FROM tasks ORDER BY outcome")
    assert (before, after) == (1, 2)
    assert rows == [("success",), ("unknown",)]
    assert list((settings.data_dir / "running").iterdir()) == []


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_calls_without_a_key_that_were_killed_are_in_the_ledger_once(
    tmp_path: Path, new_database: Callable[[], str], processes: str
) -> None:
    place = {"database": new_database(), "processes": processes}
    hub = start(tmp_path / "data", **place)
    try:
        async with aiohttp.ClientSession(hub.url) as session:
            master = person(session, hub)
            await deploy_and_wait(master, connector_zip(files=FILES))
            await master.post(CALL, {"operation": "peek", "input": {}})
            nap = {"operation": "nap", "input": {}}
            calls = [asyncio.create_task(master.post(CALL, nap)) for _ in range(CALLS)]
            async with asyncio.timeout(60):
                while noted(tmp_path / "data" / "running") != CALLS:  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.05)
            hub.kill()
            await asyncio.gather(*calls, return_exceptions=True)

        hub = start(tmp_path / "data", **place)
        async with aiohttp.ClientSession(hub.url) as session:
            master = person(session, hub)
            assert await usage(master) == 1 + CALLS
            elements = (await master.get("/v1/calls")).json["elements"]
            assert sorted(one["outcome"] for one in elements) == ["success", *["unknown"] * CALLS]
    finally:
        hub.kill()


def noted(folder: Path) -> int:
    """Return how many calls the hub notes as running."""
    files = [path.read_bytes() for path in folder.glob("*.calls")]
    return sum(
        content[start : start + 4] != bytes(4) for content in files for start in range(0, len(content), SLOT_BYTES)
    )
