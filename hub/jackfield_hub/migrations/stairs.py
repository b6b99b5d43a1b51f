"""How alembic reads the steps and takes them."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from jackfield_hub.migrations import FOLDER


def take_steps(connection: Connection, folder: Path = FOLDER) -> None:
    """Take every step the database has not seen yet."""
    command.upgrade(config_for(connection, folder), "head")


def config_for(connection: Connection, folder: Path = FOLDER) -> Config:
    """Return how alembic reads the steps in this folder and runs them on this connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
