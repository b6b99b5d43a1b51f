"""The steps that brought the tables to their present form, and the way to take them.

a new database      the tables as `tables.py` has them, which is where the steps lead
an older one        the steps it has not seen yet, one after the other
a newer one         refused
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from jackfield_hub.tables import metadata

FOLDER = Path(__file__).parent

#: Where it is written which step has been taken: alembic's own table.
_taken = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class NewerSchema(Exception):
    """The tables are those of a newer hub; the message says what to do."""


def upgrade(connection: Connection) -> None:
    """Bring the tables to their present form, inside the connection's own transaction. Raises NewerSchema."""
    known, taken = _steps(), _step_of(connection)
    if not taken:
        _make_all(connection)
    elif taken not in known:
        raise NewerSchema(
            f"a newer version of the hub has brought this database to step {taken:.20}, which this version does "
            "not know: start that version"
        )
    elif taken != known[-1]:
        # alembic takes 7 MB, which would stay: only a hub that has a step to take loads it.
        from jackfield_hub.migrations.stairs import take_steps

        take_steps(connection)


def newest_step() -> str:
    """Return the name of the step that `upgrade` leads to."""
    return _steps()[-1]


def _steps() -> list[str]:
    """Return the names of the steps, in their order: ["0001", …]."""
    return sorted(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def _step_of(connection: Connection) -> str:
    """Return the newest step this database has seen; a new one has seen none."""
    if not inspect(connection).has_table(_taken.name):
        return ""
    return connection.scalar(select(_taken.c.version_num)) or ""


def _make_all(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    _taken.create(connection, checkfirst=True)
    connection.execute(insert(_taken).values(version_num=newest_step()))
