"""How usage.db is written. It is a file of its own: calls never wait for what the rest of the hub writes.

These run on the one thread that writes it, outside the event loop.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
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
_INSERT_TASK = f"INSERT INTO tasks ({', '.join(_COLUMNS)}) VALUES {_ROW} ON CONFLICT DO NOTHING"  # noqa: S608 - our own column names
_REPLACE_TASK = f"REPLACE INTO tasks ({', '.join(_COLUMNS)}) VALUES {_ROW}"  # noqa: S608
_ADD_TO_TOTAL = """
INSERT INTO totals (organization_id, owner, tasks) VALUES (?, '', ?)
ON CONFLICT (organization_id, owner) DO UPDATE SET tasks = tasks + excluded.tasks
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
    connection.execute("BEGIN IMMEDIATE")
    try:
        tasks = [entry.task for _, entries in batches for entry in entries if entry.task is not None]
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
    new: Counter[str] = Counter()
    for start in range(0, len(tasks), ROWS_AT_ONCE):
        new.update(_store_some(connection, tasks[start : start + ROWS_AT_ONCE]))
    connection.executemany(_ADD_TO_TOTAL, new.items())


def _store_some(connection: sqlite3.Connection, tasks: Sequence[Task]) -> Counter[str]:
    """Store these tasks; return how many of which organization are new."""
    values = list(chain.from_iterable(task.to_row() for task in tasks))
    try:
        connection.execute(_insert_tasks(len(tasks)), values)
    except sqlite3.IntegrityError:  # one was given before, and none of them is stored now
        return Counter(task.organization_id for task in tasks if _is_new(connection, task))
    return Counter(task.organization_id for task in tasks)


@cache
def _insert_tasks(rows: int) -> str:
    # One statement for many rows: at each one this thread lets go of the interpreter, and has to wait for it again.
    return f"INSERT INTO tasks ({', '.join(_COLUMNS)}) VALUES {', '.join([_ROW] * rows)}"  # noqa: S608 - our own column names


def _is_new(connection: sqlite3.Connection, task: Task) -> bool:
    """Store a task, and say whether it was not there; it was when whoever gave it did not hear that it is stored."""
    is_new = bool(connection.execute(_INSERT_TASK, task.to_row()).rowcount)
    if not is_new:
        connection.execute(_REPLACE_TASK, task.to_row())
    return is_new


def _do(connection: sqlite3.Connection, entry: Entry, owner: str) -> KeptCall | None:
    match entry.deed:
        case Claim() as claim:
            return _claim(connection, claim, owner)
        case Complete() as end:
            _complete(connection, end)
        case Release() as release:
            connection.execute(f"DELETE FROM promises WHERE {_IS_CLAIM}", _claim_of(release))  # noqa: S608
        case Lost(task):
            is_new = connection.execute(_INSERT_TASK, task.to_row()).rowcount
            connection.execute(_ADD_TO_TOTAL, (task.organization_id, is_new))
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
