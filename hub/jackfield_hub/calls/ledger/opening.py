"""Where the ledger of a hub lives."""

from __future__ import annotations

from jackfield_hub.calls.ledger.file_home import FileHome
from jackfield_hub.calls.ledger.postgres_home import PostgresHome
from jackfield_hub.calls.ledger.service import Ledger
from jackfield_hub.calls.ledger.writer_home import WriterHome
from jackfield_hub.data_folder import hub_id
from jackfield_hub.database import Database
from jackfield_hub.settings import Settings


async def open_ledger(settings: Settings, database: Database, process: str = "") -> Ledger:
    """Return the hub's ledger: in usage.db beside a SQLite database, else in the database itself.

    Call it once the data folder is ours: what a hub of this folder left half done was left by a dead one. With
    `process`, the name of one of several, usage.db is written by a process of its own.
    """
    if not database.is_sqlite:
        owner = hub_id(settings.data_dir)
        return Ledger(await PostgresHome.open(database, f"{owner} {process}" if process else owner))
    if process:
        return Ledger(WriterHome(settings.data_dir, process))
    return Ledger(await FileHome.open(settings.data_dir / "usage.db"))
