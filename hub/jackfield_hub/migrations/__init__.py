"""The steps that brought the tables to their present form, and the way to take them."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent


class NewerSchema(Exception):
    """The tables are those of a newer hub; the message says what to do."""


def upgrade(connection: Connection) -> None:
    """Take every step the database has not seen yet, inside the connection's own transaction. Raises NewerSchema."""
    config = config_for(connection)
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    for taken in MigrationContext.configure(connection).get_current_heads():
        if taken not in known:
            raise NewerSchema(
                f"a newer version of the hub has brought this database to step {taken:.20}, which this version does "
                "not know: start that version"
            )
    command.upgrade(config, "head")


def newest_step() -> str:
    """Return the name of the step that `upgrade` leads to."""
    return str(ScriptDirectory(str(FOLDER)).get_current_head())


def config_for(connection: Connection, folder: Path = FOLDER) -> Config:
    """Return how alembic reads the steps in this folder and runs them on this connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
