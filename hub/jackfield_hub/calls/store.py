"""The statements of usage.db. It is a file of its own: calls never wait for what the rest of the hub writes.

These run outside the event loop: on the ledger's writer thread, or on a thread that only reads.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from jackfield_hub.calls.shapes import Task

_COLUMNS = [field.name for field in fields(Task)]
_TABLES = """
CREATE TABLE IF NOT EXISTS tasks (
    task_id TEXT PRIMARY KEY, organization_id TEXT NOT NULL, connector TEXT NOT NULL, version TEXT NOT NULL,
    operation TEXT NOT NULL, auth_id TEXT, caller_kind TEXT NOT NULL, user_id TEXT, outcome TEXT NOT NULL,
    error_code TEXT, started_at REAL NOT NULL, milliseconds REAL NOT NULL, request_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (organization_id TEXT PRIMARY KEY, tasks INTEGER NOT NULL) WITHOUT ROWID;
"""
_INSERT_TASK = f"INSERT INTO tasks ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - our own column names
_ADD_TO_TOTAL = """
INSERT INTO totals (organization_id, tasks) VALUES (?, ?)
ON CONFLICT (organization_id) DO UPDATE SET tasks = tasks + excluded.tasks
"""


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that may be used from another thread. A commit on it is on the disk."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Make what is missing; leave what is there."""
    connection.executescript(_TABLES)


def insert_tasks(connection: sqlite3.Connection, tasks: Sequence[Task]) -> None:
    """Write these tasks and their organizations' totals, all or none. Raises sqlite3.Error."""
    totals = Counter(task.organization_id for task in tasks)
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_INSERT_TASK, [task.to_row() for task in tasks])
        connection.executemany(_ADD_TO_TOTAL, totals.items())
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def count_tasks(connection: sqlite3.Connection, organization_id: str) -> int:
    """Return how many tasks this organization has used."""
    row = connection.execute("SELECT tasks FROM totals WHERE organization_id = ?", (organization_id,)).fetchone()
    return row[0] if row else 0
