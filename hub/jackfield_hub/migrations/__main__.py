"""`python -m jackfield_hub.migrations "Add the colour of a shop"`: write the next step from what tables.py says."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from jackfield_hub.migrations import FOLDER
from jackfield_hub.migrations.stairs import config_for, take_steps


def write_step(message: str, folder: Path = FOLDER) -> None:
    """Write the step from where the steps so far lead to what tables.py says. Read it before you commit it."""
    number = 1 + max((int(path.name[:4]) for path in (folder / "versions").glob("[0-9]*.py")), default=0)
    with create_engine("sqlite://").begin() as connection:
        take_steps(connection, folder)
        command.revision(config_for(connection, folder), message, autogenerate=True, rev_id=f"{number:04}")


if __name__ == "__main__":
    write_step(sys.argv[1])
