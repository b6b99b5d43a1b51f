"""How tasks and promises are written in Postgres: a batch at a time, each kind of deed with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary

from jackfield_hub.calls.ledger.shapes import Claim, Complete, Entry, Lost, Release
from jackfield_hub.calls.shapes import KeptCall, PromiseState, Task, TaskOutcome
from jackfield_hub.idempotency.shapes import KEPT_SECONDS
from jackfield_hub.tables import tasks as tasks_table

_TYPES: dict[type, str] = {
    BigInteger: "bigint",
    Integer: "integer",
    Float: "float8",
    Boolean: "boolean",
    LargeBinary: "bytea",
}
Key = tuple[str, str, str]  # organization, actor, hash of the key


def _arrays(columns: Iterable[Column[Any]]) -> str:
    types = (_TYPES.get(type(column.type), "text") for column in columns)
    return ", ".join(f"${number}::{name}[]" for number, name in enumerate(types, 1))


_COLUMNS = list(tasks_table.columns)
_NAMES = ", ".join(column.name for column in _COLUMNS)
_CHANGES = ", ".join(f"{column.name} = excluded.{column.name}" for column in _COLUMNS if not column.primary_key)
_OWNER = f"${len(_COLUMNS) + 1}::text"
# Each owner counts on a row of its own: two hubs never wait for each other to commit. xmax tells a new row from an old.
_STORE = f"""
WITH stored AS (
    INSERT INTO tasks ({_NAMES}) SELECT * FROM unnest({_arrays(_COLUMNS)})
    ON CONFLICT (task_id) %s
    RETURNING organization_id, xmax = 0 AS is_new
)
INSERT INTO totals (organization_id, owner, tasks)
SELECT organization_id, {_OWNER}, count(*) FROM stored WHERE is_new GROUP BY organization_id ORDER BY organization_id
ON CONFLICT (organization_id, owner) DO UPDATE SET tasks = totals.tasks + excluded.tasks
"""  # noqa: S608 - our own column names
_STORE_TASKS = _STORE % f"DO UPDATE SET {_CHANGES}"
_STORE_LOST = _STORE % "DO NOTHING"
_CLAIM = """
INSERT INTO promises
    (organization_id, actor, key_hash, body_hash, task_id, task, created_at, state, outcome, output, owner)
SELECT given.*, 'running', 'unknown', '', $8::text
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[])
    AS given (organization_id, actor, key_hash, body_hash, task_id, task, created_at)
ORDER BY organization_id, actor, key_hash
ON CONFLICT (organization_id, actor, key_hash) DO UPDATE SET
    body_hash = excluded.body_hash, task_id = excluded.task_id, task = excluded.task, owner = excluded.owner,
    created_at = excluded.created_at, state = excluded.state, outcome = excluded.outcome, output = excluded.output
WHERE promises.state <> 'running' AND promises.created_at <= $9::float8
   OR promises.state = 'unknown' AND promises.body_hash = excluded.body_hash AND $10::boolean
RETURNING organization_id, actor, key_hash
"""
_FIND = """
SELECT organization_id, actor, key_hash, body_hash, state, outcome, output
FROM promises JOIN unnest($1::text[], $2::text[], $3::text[]) AS given (organization_id, actor, key_hash)
USING (organization_id, actor, key_hash)
"""
_COMPLETE = """
UPDATE promises SET state = given.state, outcome = given.outcome, output = given.output
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
    AS given (organization_id, actor, key_hash, task_id, state, outcome, output)
WHERE (promises.organization_id, promises.actor, promises.key_hash, promises.task_id)
    = (given.organization_id, given.actor, given.key_hash, given.task_id)
"""
_RELEASE = """
DELETE FROM promises USING unnest($1::text[], $2::text[], $3::text[], $4::text[])
    AS given (organization_id, actor, key_hash, task_id)
WHERE (promises.organization_id, promises.actor, promises.key_hash, promises.task_id)
    = (given.organization_id, given.actor, given.key_hash, given.task_id)
"""
_NOW = "extract(epoch FROM clock_timestamp())"
_LIVE = f"""
INSERT INTO ledger_owners (owner, lease_until) VALUES ($1, {_NOW} + $2::float8)
ON CONFLICT (owner) DO UPDATE SET lease_until = excluded.lease_until
"""  # noqa: S608 - our own words
_BELIEVE_NO_MORE = f"""
UPDATE promises SET state = 'unknown'
WHERE state = 'running' AND (owner = $1 OR NOT EXISTS (
    SELECT FROM ledger_owners WHERE ledger_owners.owner = promises.owner AND lease_until > {_NOW}
))
RETURNING task
"""  # noqa: S608 - our own words
_FORGET = f"DELETE FROM promises WHERE state <> 'running' AND created_at <= {_NOW} - $1::float8"  # noqa: S608


async def write(connection: Any, entries: Sequence[Entry], owner: str) -> list[KeptCall | None]:
    """Store all of this or nothing; return for each entry what stands in the way of its claim, or None.

    Claims are the owner's. Raises what asyncpg raises.
    """
    tasks = [entry.task for entry in entries if entry.task is not None]
    deeds = [entry.deed for entry in entries if entry.deed is not None]
    if not deeds:  # one statement is a transaction of its own
        await _store_tasks(connection, tasks, owner)
        return [None] * len(entries)
    async with connection.transaction():
        await _store_tasks(connection, tasks, owner)
        await _store_tasks(connection, [deed.task for deed in deeds if isinstance(deed, Lost)], owner, _STORE_LOST)
        await _complete(connection, [deed for deed in deeds if isinstance(deed, Complete)])
        await _release(connection, [deed for deed in deeds if isinstance(deed, Release)])
        obstacles = await _claim(connection, [deed for deed in deeds if isinstance(deed, Claim)], owner)
    return [obstacles.get(entry.deed.task.task_id) if isinstance(entry.deed, Claim) else None for entry in entries]


async def settle(connection: Any, owner: str, lease_seconds: float, predecessor: str) -> int:
    """Say that the owner lives, and write down what those had claimed who do not: as tasks of unknown outcome.

    Return how many there were. What `predecessor` had claimed counts as lost, too.
    """
    async with connection.transaction():
        await connection.execute(_LIVE, owner, lease_seconds)
        lost = [Task(**orjson.loads(row["task"])) for row in await connection.fetch(_BELIEVE_NO_MORE, predecessor)]
        await _store_tasks(connection, lost, owner)
        await connection.execute(_FORGET, KEPT_SECONDS)
    return len(lost)


async def _store_tasks(connection: Any, tasks: Sequence[Task], owner: str, how: str = _STORE_TASKS) -> None:
    if tasks:
        columns = zip(*(task.to_row() for task in tasks), strict=True)
        await connection.execute(how, *map(list, columns), owner)


async def _complete(connection: Any, ends: Sequence[Complete]) -> None:
    if ends:
        states = [PromiseState.UNKNOWN if end.outcome is TaskOutcome.UNKNOWN else PromiseState.DONE for end in ends]
        told = ([end.outcome for end in ends], [end.output for end in ends])
        await connection.execute(_COMPLETE, *_keys(ends), [end.task_id for end in ends], states, *told)


async def _release(connection: Any, releases: Sequence[Release]) -> None:
    if releases:
        await connection.execute(_RELEASE, *_keys(releases), [release.task_id for release in releases])


async def _claim(connection: Any, claims: Sequence[Claim], owner: str) -> dict[str, KeptCall]:
    """Return what stands in the way of which claims, by the ids of their tasks."""
    refused = _twins(claims)
    for may_redo in (False, True):
        asked = [claim for claim in claims if claim.may_redo is may_redo and claim not in refused]
        refused += await _claim_alike(connection, asked, owner, may_redo=may_redo)
    return await _find(connection, refused)


def _twins(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims of a key another of these claims already."""
    first = {_key_of(claim): claim for claim in reversed(claims)}
    return [claim for claim in claims if first[_key_of(claim)] is not claim]


async def _claim_alike(connection: Any, claims: Sequence[Claim], owner: str, *, may_redo: bool) -> list[Claim]:
    if not claims:
        return []
    rows = [
        (claim.promise.body_hash, claim.task.task_id, orjson.dumps(claim.task).decode(), claim.task.started_at)
        for claim in claims
    ]
    since = min(claim.since for claim in claims)
    columns = map(list, zip(*rows, strict=True))
    taken = await connection.fetch(_CLAIM, *_keys(claims), *columns, owner, since, may_redo)
    ours = {tuple(row) for row in taken}
    return [claim for claim in claims if _key_of(claim) not in ours]


async def _find(connection: Any, claims: Sequence[Claim]) -> dict[str, KeptCall]:
    if not claims:
        return {}
    found = {tuple(row)[:3]: _kept(row) for row in await connection.fetch(_FIND, *_keys(claims))}
    return {claim.task.task_id: found.get(_key_of(claim)) or _running(claim) for claim in claims}


def _kept(row: Any) -> KeptCall:
    return KeptCall(row["body_hash"], PromiseState(row["state"]), TaskOutcome(row["outcome"]), row["output"])


def _running(claim: Claim) -> KeptCall:
    # Another hub had it a moment ago and has just let go: ask again.
    return KeptCall(claim.promise.body_hash, PromiseState.RUNNING, TaskOutcome.UNKNOWN, b"")


def _key_of(deed: Claim | Complete | Release) -> Key:
    return deed.promise.organization_id, deed.promise.actor, deed.promise.key_hash


def _keys(deeds: Sequence[Claim | Complete | Release]) -> tuple[list[str], list[str], list[str]]:
    organizations, actors, hashes = zip(*map(_key_of, deeds), strict=True)
    return list(organizations), list(actors), list(hashes)
