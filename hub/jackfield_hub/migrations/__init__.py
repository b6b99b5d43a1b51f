"""The steps that brought the tables to their present form, and the way to take them."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

FOLDER = Path(__file__).parent


def upgrade(connection: Connection) -> None:
    """Take every step the database has not seen yet, inside the connection's own transaction."""
    command.upgrade(config_for(connection), "head")


def config_for(connection: Connection, folder: Path = FOLDER) -> Config:
    """Return how alembic reads the steps in this folder and runs them on this connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
