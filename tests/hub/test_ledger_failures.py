"""Whatever happens to the place where the ledger is kept, everybody who waits for it gets an answer."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.calls.ledger import address, writer_home
from jackfield_hub.calls.ledger import service as ledgers
from jackfield_hub.calls.ledger.file_home import FileHome
from jackfield_hub.calls.ledger.running import Running, left_behind
from jackfield_hub.calls.ledger.service import CannotPromise, Ledger, LedgerBehind, NotRecorded
from jackfield_hub.calls.ledger.shapes import Entry, HomeAway
from jackfield_hub.calls.ledger.writer import LedgerWriter
from jackfield_hub.calls.ledger.writer_home import WriterHome
from jackfield_hub.calls.shapes import KeptCall
from jackfield_hub.database import Database
from jackfield_hub.idempotency.shapes import Promise
from tests.hub.test_ledger import is_full, open_file, stored_ids, task
from tests.hub.test_running_calls import noted

ROOT = Path(__file__).parents[2]
PATIENCE = 20  # seconds: a generous ceiling for what takes a moment
Write = Callable[[Sequence[Entry]], Awaitable[list[KeptCall | None]]]

WRITER = """
import asyncio, sys
from pathlib import Path
from jackfield_hub.calls.ledger import address
from jackfield_hub.calls.ledger.writer import LedgerWriter

async def main():
    folder = Path(sys.argv[1])
    writer = await LedgerWriter.open(folder / "usage.db", ["api 1"])
    await writer.serve(address.listen(folder))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


POISON = """
CREATE TRIGGER poison BEFORE INSERT ON tasks WHEN NEW.request_id = 'poison'
BEGIN SELECT RAISE(ABORT, 'not this one'); END
"""


class Home:
    """A place that does with a batch what the test says."""

    def __init__(self, act: Write) -> None:
        self.act = act

    async def write(self, entries: Sequence[Entry]) -> list[KeptCall | None]:
        return await self.act(entries)

    @property
    def rows(self) -> Database:
        raise NotImplementedError

    async def close(self) -> None: ...


async def full(entries: Sequence[Entry]) -> list[KeptCall | None]:
    raise HomeAway from sqlite3.OperationalError("database or disk is full")


async def broken(entries: Sequence[Entry]) -> list[KeptCall | None]:
    raise RuntimeError("a mistake of ours")


async def forgetful(entries: Sequence[Entry]) -> list[KeptCall | None]:
    return []


async def silent(entries: Sequence[Entry]) -> list[KeptCall | None]:
    await asyncio.Event().wait()
    return []


async def well(entries: Sequence[Entry]) -> list[KeptCall | None]:
    return [None for _ in entries]


async def ends_of(ledger: Ledger, count: int = 20) -> list[Any]:
    """Record calls at once, and return how it ended for each."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*(ledger.record(task()) for _ in range(count)), return_exceptions=True)


def a_promise() -> Promise:
    return Promise("org-alice", "alice", "call", "key", "body")


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "WRITE_SECONDS", 0.3)
    monkeypatch.setattr(ledgers, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(writer_home, "AWAY_SECONDS", 0.3)


@pytest.mark.parametrize("write", [full, broken, forgetful, silent])
async def test_who_waits_is_answered_whatever_the_home_does_and_the_ledger_goes_on_when_it_is_well(
    write: Write,
) -> None:
    home = Home(write)
    ledger = Ledger(home)

    assert {type(end) for end in await ends_of(ledger)} == {NotRecorded}
    with pytest.raises(CannotPromise):
        async with asyncio.timeout(PATIENCE):
            await ledger.claim(a_promise(), task(), may_redo=False)

    home.act = well
    async with asyncio.timeout(PATIENCE):
        while is_full(ledger):  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    assert set(await ends_of(ledger)) == {None}
    await ledger.close()


async def test_who_waits_is_answered_when_the_ledgers_own_task_is_ended() -> None:
    ledger = Ledger(Home(silent))
    waiting = [ledger.enter(task()) for _ in range(3)]
    await asyncio.sleep(0)
    late = ledger.enter(task())

    (own,) = [one for one in asyncio.all_tasks() if one.get_name() == "ledger"]
    own.cancel()

    async with asyncio.timeout(PATIENCE):
        ends = await asyncio.gather(*waiting, late, return_exceptions=True)
    assert {type(end) for end in ends} == {NotRecorded}
    with pytest.raises(NotRecorded):
        await ledger.record(task())


async def test_a_file_that_is_locked_for_too_long_gets_its_calls_later_and_once(tmp_path: Path) -> None:
    ledger = await open_file(tmp_path)
    with sqlite3.connect(tmp_path / "usage.db", isolation_level=None) as somebody:
        somebody.execute("BEGIN IMMEDIATE")

        assert {type(end) for end in await ends_of(ledger)} == {NotRecorded}
        with pytest.raises(LedgerBehind):
            ledger.admit()
        somebody.execute("COMMIT")

    async with asyncio.timeout(PATIENCE):
        while is_full(ledger):  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    assert len(stored_ids(tmp_path / "usage.db")) == 20
    assert await ledger.count("org-alice") == 20
    await ledger.close()


async def test_a_call_is_noted_as_running_until_its_record_is_written_however_late_that_is(tmp_path: Path) -> None:
    running = tmp_path / "running"
    ledger = Ledger(await FileHome.open(tmp_path / "usage.db"), Running(running))
    with sqlite3.connect(tmp_path / "usage.db", isolation_level=None) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        calls = [asyncio.ensure_future(ledger.record(one, noted=ledger.begin(one))) for one in (task(), task(), task())]
        await asyncio.sleep(0)
        calls[0].cancel()  # nobody waits for this one any more

        await asyncio.wait(calls, timeout=PATIENCE)
        assert [type(call.exception()) for call in calls[1:]] == [NotRecorded, NotRecorded]
        assert noted(running) == 3
        somebody.execute("COMMIT")

    async with asyncio.timeout(PATIENCE):
        while is_full(ledger):  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    assert noted(running) == 0
    assert len(stored_ids(tmp_path / "usage.db")) == 3
    await ledger.close()
    assert list(running.iterdir()) == []


async def test_a_call_that_can_never_be_written_stays_noted_for_the_next_start_and_the_others_are_written(
    tmp_path: Path,
) -> None:
    running = tmp_path / "running"
    ledger = Ledger(await FileHome.open(tmp_path / "usage.db"), Running(running))
    calls = [task(), replace(task(), request_id="poison"), task()]
    with sqlite3.connect(tmp_path / "usage.db", isolation_level=None) as somebody:
        somebody.execute(POISON)
        with pytest.raises(NotRecorded):
            await ledger.record(calls[1], noted=ledger.begin(calls[1]))
        somebody.execute("BEGIN IMMEDIATE")
        handed_over = [ledger.record(one, noted=ledger.begin(one)) for one in calls]
        ends = await asyncio.gather(*handed_over, return_exceptions=True)
        assert {type(end) for end in ends} == {NotRecorded}
        somebody.execute("COMMIT")

    async with asyncio.timeout(PATIENCE):
        while is_full(ledger):  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    assert stored_ids(tmp_path / "usage.db") == sorted([calls[0].task_id, calls[2].task_id])
    await ledger.close()
    with left_behind(running) as lost:
        assert [one.task_id for one in lost] == [calls[1].task_id] * 2


@pytest.mark.parametrize("harm", ["lost table", "no database"])
async def test_nothing_more_is_run_when_the_file_is_damaged(tmp_path: Path, harm: str) -> None:
    ledger = await open_file(tmp_path)
    await ledger.record(task())
    if harm == "lost table":
        with sqlite3.connect(tmp_path / "usage.db") as somebody:
            somebody.execute("DROP TABLE tasks")
    else:
        assert isinstance(ledger.home, FileHome)
        (tmp_path / "other.db").write_bytes(b"no database" * 1000)
        ledger.home.connection = sqlite3.connect(tmp_path / "other.db", isolation_level=None, check_same_thread=False)

    assert {type(end) for end in await ends_of(ledger)} == {NotRecorded}
    with pytest.raises(LedgerBehind):
        ledger.admit()
    await ledger.close()


@asynccontextmanager
async def writer_process(folder: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(folder), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
async def test_who_waits_is_answered_when_the_process_that_writes_is_killed_or_hangs(
    tmp_path: Path, sign: signal.Signals
) -> None:
    async with writer_process(tmp_path) as process:
        ledger = Ledger(WriterHome(tmp_path, "api 1"))
        await ledger.record(task())
        os.kill(process.pid, sign)

        assert {type(end) for end in await ends_of(ledger)} == {NotRecorded}
        with pytest.raises(LedgerBehind):
            ledger.admit()

    async with writer_process(tmp_path), asyncio.timeout(PATIENCE):
        while is_full(ledger):  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
        assert set(await ends_of(ledger, 3)) == {None}
    assert len(stored_ids(tmp_path / "usage.db")) == 24
    await ledger.close()


async def test_an_answer_nobody_waits_for_any_more_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    writer = await LedgerWriter.open(tmp_path / "usage.db", [])
    await writer.serve(address.listen(tmp_path))
    home = WriterHome(tmp_path, "api 1")
    await home.write([Entry(task())])

    cancelled = asyncio.ensure_future(home.write([Entry(task()), Entry(task())]))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])

    assert await home.write([Entry(task())]) == [None]
    await home.close()
    await writer.close()


async def test_a_batch_the_writer_does_not_understand_is_refused_and_the_next_one_is_stored(tmp_path: Path) -> None:
    writer = await LedgerWriter.open(tmp_path / "usage.db", [])
    await writer.serve(address.listen(tmp_path))
    ledger = Ledger(WriterHome(tmp_path, "api 1"))
    strange = replace(task(), outcome="of another version")  # pyright: ignore[reportArgumentType]

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(NotRecorded):
            await ledger.record(strange)
    ledger.admit()

    await ledger.record(task())
    assert len(stored_ids(tmp_path / "usage.db")) == 1
    await ledger.close()
    await writer.close()
