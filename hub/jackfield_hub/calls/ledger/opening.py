"""Where the ledger of a hub lives."""

from __future__ import annotations

from jackfield_hub.calls.ledger.file_home import FileHome
from jackfield_hub.calls.ledger.postgres_home import PostgresHome
from jackfield_hub.calls.ledger.service import Ledger
from jackfield_hub.data_folder import hub_id
from jackfield_hub.database import Database
from jackfield_hub.settings import Settings


async def open_ledger(settings: Settings, database: Database) -> Ledger:
    """Return the hub's ledger: in usage.db beside a SQLite database, else in the database itself.

    Call it once the data folder is ours: what a hub of this folder left half done was left by a dead one.
    """
    if database.is_sqlite:
        return Ledger(await FileHome.open(settings.data_dir / "usage.db"))
    return Ledger(await PostgresHome.open(database, hub_id(settings.data_dir)))
