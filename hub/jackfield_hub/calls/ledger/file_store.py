"""How usage.db is written. It is a file of its own: calls never wait for what the rest of the hub writes.

These run on the one thread that writes it, outside the event loop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path

import orjson

from jackfield_hub.calls.ledger.shapes import Claim, Complete, Entry, Lost, Release
from jackfield_hub.calls.shapes import KeptCall, PromiseState, Task, TaskOutcome
from jackfield_hub.idempotency.shapes import Promise
from jackfield_hub.tables import tasks as tasks_table

ROWS_AT_ONCE = 64

_COLUMNS = [column.name for column in tasks_table.columns]
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
_CHANGES = ", ".join(f"{column.name} = excluded.{column.name}" for column in tasks_table.columns[1:])
_COUNT_TASKS = """
CREATE TEMP TRIGGER count_task AFTER INSERT ON main.tasks BEGIN
    INSERT INTO totals (organization_id, owner, tasks) VALUES (new.organization_id, '', 1)
    ON CONFLICT (organization_id, owner) DO UPDATE SET tasks = tasks + 1;
END
"""
_IS = "organization_id = ? AND actor = ? AND key_hash = ?"
_IS_CLAIM = f"{_IS} AND task_id = ?"
_FIND_PROMISE = f"SELECT body_hash, state, outcome, output FROM promises WHERE {_IS} AND created_at > ?"  # noqa: S608
_CLAIM = """
REPLACE INTO promises
    (organization_id, actor, key_hash, body_hash, state, outcome, output, task_id, task, owner, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that may be used from another thread. A commit on it is on the disk."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA temp_store = MEMORY")  # the trigger belongs to this connection: no file for that
    connection.execute(_COUNT_TASKS)
    return connection


def write(connection: sqlite3.Connection, entries: Sequence[Entry], owner: str) -> list[KeptCall | None]:
    """Store all of this or nothing; return for each entry what stands in the way of its claim, or None.

    Claims are the owner's. Raises sqlite3.Error.
    """
    return write_batches(connection, [(owner, entries)])[0]


def write_batches(
    connection: sqlite3.Connection, batches: Sequence[tuple[str, Sequence[Entry]]]
) -> list[list[KeptCall | None]]:
    """Store what several owners have given, all of it or nothing; return the results of each. Raises sqlite3.Error."""
    if connection.in_transaction:  # the disk failed so that not even the end of the last one could be written
        connection.rollback()
    tasks = [entry.task for _, entries in batches for entry in entries if entry.task is not None]
    if len(tasks) <= ROWS_AT_ONCE and not any(entry.deed for _, entries in batches for entry in entries):
        _store_tasks(connection, tasks)  # one statement is a transaction of its own
        return [[None] * len(entries) for _, entries in batches]
    connection.execute("BEGIN IMMEDIATE")
    try:
        _store_tasks(connection, tasks)
        results = [[_do(connection, entry, owner) for entry in entries] for owner, entries in batches]
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return results


def is_away(failure: sqlite3.Error) -> bool:
    """Say whether it is the file that fails: full, locked, damaged. If not, it is what was to be stored."""
    return isinstance(failure, sqlite3.OperationalError) or type(failure) is sqlite3.DatabaseError


def settle(connection: sqlite3.Connection, owner: str | None = None) -> int:
    """Write down the calls that were running when their hub died, as tasks of unknown outcome. Return how many.

    With an owner, only what that one had claimed: others may still be alive.
    """
    return _settle(connection, "", []) if owner is None else _settle(connection, "AND owner = ?", [owner])


def settle_all_but(connection: sqlite3.Connection, living: Sequence[str]) -> int:
    """Do the same for all owners but those that live."""
    return _settle(connection, f"AND owner NOT IN ({', '.join('?' * len(living))})", living)


def _settle(connection: sqlite3.Connection, whose: str, owners: Sequence[str]) -> int:
    which, values = f"state = ? {whose}", [PromiseState.RUNNING, *owners]
    connection.execute("BEGIN IMMEDIATE")
    try:
        lost = connection.execute(f"SELECT task FROM promises WHERE {which}", values).fetchall()  # noqa: S608
        connection.execute(f"UPDATE promises SET state = ? WHERE {which}", [PromiseState.UNKNOWN, *values])  # noqa: S608
        _store_tasks(connection, [Task(**orjson.loads(text)) for (text,) in lost])
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return len(lost)


def _store_tasks(connection: sqlite3.Connection, tasks: Sequence[Task]) -> None:
    """Store these tasks, in place of those that are there under the same ids: whoever gave them did not hear that."""
    for start in range(0, len(tasks), ROWS_AT_ONCE):
        some = tasks[start : start + ROWS_AT_ONCE]
        values = list(chain.from_iterable([task.to_row() for task in some]))
        connection.execute(_insert_tasks(len(some), f"UPDATE SET {_CHANGES}"), values)


@cache
def _insert_tasks(rows: int, instead: str) -> str:
    # One statement for many rows: at each one this thread lets go of the interpreter, and has to wait for it again.
    values = ", ".join([_ROW] * rows)
    return f"INSERT INTO tasks ({', '.join(_COLUMNS)}) VALUES {values} ON CONFLICT (task_id) DO {instead}"  # noqa: S608 - our own column names


def _do(connection: sqlite3.Connection, entry: Entry, owner: str) -> KeptCall | None:
    match entry.deed:
        case Claim() as claim:
            return _claim(connection, claim, owner)
        case Complete() as end:
            _complete(connection, end)
        case Release() as release:
            connection.execute(f"DELETE FROM promises WHERE {_IS_CLAIM}", _claim_of(release))  # noqa: S608
        case Lost(task):
            connection.execute(_insert_tasks(1, "NOTHING"), task.to_row())
        case None:
            pass
    return None


def _claim(connection: sqlite3.Connection, claim: Claim, owner: str) -> KeptCall | None:
    connection.execute("DELETE FROM promises WHERE created_at <= ? AND state != ?", (claim.since, PromiseState.RUNNING))
    known = _find_promise(connection, claim.promise, claim.since)
    task, promise = claim.task, claim.promise
    if known is not None and not may_run_again(claim, known) and not _is_claimed(connection, claim):
        return known
    text = orjson.dumps(task).decode()
    begun = (promise.body_hash, PromiseState.RUNNING, TaskOutcome.UNKNOWN, b"", task.task_id, text, owner)
    connection.execute(_CLAIM, (*_key_of(promise), *begun, task.started_at))
    return None


def _is_claimed(connection: sqlite3.Connection, claim: Claim) -> bool:
    """Say whether it is stored already: whoever gave it did not hear that, and gives it again."""
    values = (*_key_of(claim.promise), claim.task.task_id, PromiseState.RUNNING)
    return connection.execute(f"SELECT 1 FROM promises WHERE {_IS_CLAIM} AND state = ?", values).fetchone() is not None  # noqa: S608


def may_run_again(claim: Claim, known: KeptCall) -> bool:
    """Say whether an earlier call with this key is no obstacle."""
    return claim.may_redo and known.body_hash == claim.promise.body_hash and known.state is PromiseState.UNKNOWN


def _complete(connection: sqlite3.Connection, end: Complete) -> None:
    state = PromiseState.UNKNOWN if end.outcome is TaskOutcome.UNKNOWN else PromiseState.DONE
    connection.execute(
        f"UPDATE promises SET state = ?, outcome = ?, output = ? WHERE {_IS_CLAIM}",  # noqa: S608 - our own words
        (state, end.outcome, end.output, *_claim_of(end)),
    )


def _find_promise(connection: sqlite3.Connection, promise: Promise, since: float) -> KeptCall | None:
    row = connection.execute(_FIND_PROMISE, (*_key_of(promise), since)).fetchone()
    return None if row is None else KeptCall(row[0], PromiseState(row[1]), TaskOutcome(row[2]), row[3])


def _key_of(promise: Promise) -> tuple[str, str, str]:
    return promise.organization_id, promise.actor, promise.key_hash


def _claim_of(deed: Complete | Release) -> tuple[str, str, str, str]:
    return *_key_of(deed.promise), deed.task_id
