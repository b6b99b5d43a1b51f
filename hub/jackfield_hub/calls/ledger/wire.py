"""What api processes and the ledger writer say to each other, over a socket in the data folder.

    api process ── its name, then batch, batch, … ──▶ writer
    api process ◀── what became of the first, of the second, … ── writer

Each is four bytes of length and JSON. Both ends are ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import orjson

from jackfield_hub.calls.ledger.shapes import Claim, Complete, Entry, Lost, Release
from jackfield_hub.calls.shapes import KeptCall, PromiseState, Task, TaskOutcome
from jackfield_hub.idempotency.shapes import Promise

LENGTH_BYTES = 4


class Fate(StrEnum):
    """What became of a batch."""

    STORED = "stored"
    AWAY = "away"  #: the disk did not take it; it may be given again
    BROKEN = "broken"  #: there is something in it that cannot be stored


def frame(said: Any) -> bytes:
    content = orjson.dumps(said, default=_bytes_as_text)
    return len(content).to_bytes(LENGTH_BYTES) + content


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Return what comes next. Raises asyncio.IncompleteReadError when the other end is gone."""
    size = int.from_bytes(await reader.readexactly(LENGTH_BYTES))
    return orjson.loads(await reader.readexactly(size))


def entry_to_json(entry: Entry) -> list[Any]:
    """Return task, kind of deed, deed: dataclasses, which become objects."""
    return [entry.task, type(entry.deed).__name__, entry.deed]


def entry_of(said: Sequence[Any]) -> Entry:
    task, kind, deed = said
    return Entry(None if task is None else _task(task), None if deed is None else _DEEDS[kind](deed))


def kept_of(said: Any) -> KeptCall | None:
    if said is None:
        return None
    output = said["output"].encode("latin-1")
    return KeptCall(said["body_hash"], PromiseState(said["state"]), TaskOutcome(said["outcome"]), output)


def _bytes_as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")  # every byte is a character there
    raise TypeError(type(value).__name__)


def _task(said: Any) -> Task:
    fields: dict[str, Any] = {**said, "outcome": TaskOutcome(said["outcome"])}
    return Task(**fields)


def _claim(said: Any) -> Claim:
    return Claim(Promise(**said["promise"]), _task(said["task"]), said["since"], said["may_redo"])


def _complete(said: Any) -> Complete:
    outcome, output = TaskOutcome(said["outcome"]), said["output"].encode("latin-1")
    return Complete(Promise(**said["promise"]), said["task_id"], outcome, output)


def _release(said: Any) -> Release:
    return Release(Promise(**said["promise"]), said["task_id"])


def _lost(said: Any) -> Lost:
    return Lost(_task(said["task"]))


_DEEDS = {"Claim": _claim, "Complete": _complete, "Release": _release, "Lost": _lost}
