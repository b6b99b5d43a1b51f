"""The statements of usage.db. It is a file of its own: calls never wait for what the rest of the hub writes.

These run outside the event loop: on the ledger's writer thread, or on a thread that only reads.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from jackfield_hub.calls.shapes import KeptCall, PromiseState, Task, TaskOutcome
from jackfield_hub.idempotency.shapes import Promise

_COLUMNS = [field.name for field in fields(Task)]
_TABLES = """
CREATE TABLE IF NOT EXISTS tasks (
    task_id TEXT PRIMARY KEY, organization_id TEXT NOT NULL, connector TEXT NOT NULL, version TEXT NOT NULL,
    operation TEXT NOT NULL, auth_id TEXT, caller_kind TEXT NOT NULL, user_id TEXT, outcome TEXT NOT NULL,
    error_code TEXT, started_at REAL NOT NULL, milliseconds REAL NOT NULL, request_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (organization_id TEXT PRIMARY KEY, tasks INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS promises (
    organization_id TEXT NOT NULL, actor TEXT NOT NULL, key_hash TEXT NOT NULL, body_hash TEXT NOT NULL,
    state TEXT NOT NULL, outcome TEXT NOT NULL, output BLOB NOT NULL, task TEXT NOT NULL, created_at REAL NOT NULL,
    PRIMARY KEY (organization_id, actor, key_hash)
);
CREATE INDEX IF NOT EXISTS ix_promises_created_at ON promises (created_at);
"""
Work = Callable[[sqlite3.Connection], Any]  #: something to do in the transaction that writes tasks
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


def write(connection: sqlite3.Connection, tasks: Sequence[Task], works: Sequence[Work] = ()) -> list[Any]:
    """Write these tasks and their organizations' totals, and do these works, all or none; return what each work gave.

    Raises sqlite3.Error.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        _insert_tasks(connection, tasks)
        results = [work(connection) for work in works]
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return results


def _insert_tasks(connection: sqlite3.Connection, tasks: Sequence[Task]) -> None:
    totals = Counter(task.organization_id for task in tasks)
    connection.executemany(_INSERT_TASK, [task.to_row() for task in tasks])
    connection.executemany(_ADD_TO_TOTAL, totals.items())


def find_promise(connection: sqlite3.Connection, promise: Promise, since: float) -> KeptCall | None:
    """Return what is known of the call with this key, if it was begun after `since`."""
    row = connection.execute(
        f"SELECT body_hash, state, outcome, output FROM promises WHERE {_IS} AND created_at > ?",  # noqa: S608 - our own words
        (*_key_of(promise), since),
    ).fetchone()
    return None if row is None else KeptCall(row[0], PromiseState(row[1]), TaskOutcome(row[2]), row[3])


def claim(
    connection: sqlite3.Connection, promise: Promise, task: Task, *, since: float, may_redo: bool
) -> KeptCall | None:
    """Store that a call begins, and return None; or return what is known of an earlier one with this key.

    `task` is what the ledger shall say if nobody hears of the call again. With `may_redo` an earlier one that nobody
    heard of again is no obstacle. Promises that were made before `since` are forgotten.
    """
    connection.execute("DELETE FROM promises WHERE created_at <= ? AND state != ?", (since, PromiseState.RUNNING))
    known = find_promise(connection, promise, since)
    is_again = known is not None and known.body_hash == promise.body_hash and known.state is PromiseState.UNKNOWN
    if known is not None and not (is_again and may_redo):
        return known
    connection.execute(
        "INSERT OR REPLACE INTO promises VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *_key_of(promise),
            promise.body_hash,
            PromiseState.RUNNING,
            TaskOutcome.UNKNOWN,
            b"",
            orjson.dumps(task.to_row()).decode(),
            task.started_at,
        ),
    )
    return None


def complete(connection: sqlite3.Connection, promise: Promise, outcome: TaskOutcome, output: bytes) -> None:
    """Store how the call with this key ended."""
    state = PromiseState.UNKNOWN if outcome is TaskOutcome.UNKNOWN else PromiseState.DONE
    connection.execute(
        f"UPDATE promises SET state = ?, outcome = ?, output = ? WHERE {_IS}",  # noqa: S608 - our own words
        (state, outcome, output, *_key_of(promise)),
    )


def release(connection: sqlite3.Connection, promise: Promise) -> None:
    """Forget a call that was not run after all."""
    connection.execute(f"DELETE FROM promises WHERE {_IS}", _key_of(promise))  # noqa: S608 - our own words


def settle(connection: sqlite3.Connection) -> int:
    """Write down the calls that were running when the hub died, as tasks of unknown outcome. Return how many."""
    lost = connection.execute("SELECT task FROM promises WHERE state = ?", (PromiseState.RUNNING,)).fetchall()
    tasks = [Task(*orjson.loads(row[0])) for row in lost]

    def believe_no_more(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE promises SET state = ? WHERE state = ?", (PromiseState.UNKNOWN, PromiseState.RUNNING)
        )

    write(connection, tasks, [believe_no_more])
    return len(tasks)


_IS = "organization_id = ? AND actor = ? AND key_hash = ?"


def _key_of(promise: Promise) -> tuple[str, str, str]:
    return promise.organization_id, promise.actor, promise.key_hash


def count_tasks(connection: sqlite3.Connection, organization_id: str) -> int:
    """Return how many tasks this organization has used."""
    row = connection.execute("SELECT tasks FROM totals WHERE organization_id = ?", (organization_id,)).fetchone()
    return row[0] if row else 0
