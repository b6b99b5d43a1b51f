"""Where the ledger of a hub lives."""

from __future__ import annotations

from pathlib import Path

from jackfield_hub.calls.ledger.file_home import FileHome
from jackfield_hub.calls.ledger.postgres_home import PostgresHome
from jackfield_hub.calls.ledger.running import FOLDER, Running, left_behind
from jackfield_hub.calls.ledger.service import Ledger, NotRecorded
from jackfield_hub.calls.ledger.shapes import Home
from jackfield_hub.calls.ledger.writer_home import WriterHome
from jackfield_hub.data_folder import hub_id
from jackfield_hub.database import Database
from jackfield_hub.logs import describe, log
from jackfield_hub.settings import Settings


async def open_ledger(settings: Settings, database: Database, process: str = "") -> Ledger:
    """Return the hub's ledger: in usage.db beside a SQLite database, else in the database itself.

    Call it once the data folder is ours: what a hub of this folder left half done was left by a dead one. With
    `process`, the name of one of several, usage.db is written by a process of its own.
    """
    home, folder = await _open_home(settings, database, process), settings.data_dir / FOLDER
    ledger = Ledger(home, _open_running(folder))
    await _settle(ledger, folder)
    return ledger


async def _settle(ledger: Ledger, folder: Path) -> None:
    try:
        with left_behind(folder) as lost:
            await ledger.settle(lost)
    except (NotRecorded, OSError) as failure:  # at the next start, then
        log.error("lost_calls_not_recorded", **describe(failure))
    else:
        if lost:
            log.warning("calls_died_with_a_process", calls=len(lost))


async def _open_home(settings: Settings, database: Database, process: str) -> Home:
    if not database.is_sqlite:
        owner = hub_id(settings.data_dir)
        return await PostgresHome.open(database, f"{owner} {process}" if process else owner)
    if process:
        return WriterHome(settings.data_dir, process)
    return await FileHome.open(settings.data_dir / "usage.db")


def _open_running(folder: Path) -> Running | None:
    try:
        return Running(folder)
    except OSError as failure:  # the disk is full, or knows no locks: calls can be recorded all the same
        log.error("running_calls_not_noted", **describe(failure))
        return None
