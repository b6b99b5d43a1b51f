"""Storage where there is no hub: in memory for a test, in a file for `jackfield connector run`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from jackfield.errors import OperationError
from jackfield.exchange import AsyncTransport, JsonObject, Request, Response, Transport, awaitable
from jackfield.storage_rules import (
    OF_QUEUES,
    Asked,
    Kept,
    Moment,
    answered,
    change,
    is_for_storage,
    read_asked,
    refused,
    taken,
)

_Place = tuple[str, str]  # scope and workspace: there is one connector here, and one user


class LocalStorage:
    """What a connector keeps on this machine; with a file it is still there the next time."""

    def __init__(self, file: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._version = 0
        self._values: dict[_Place, dict[str, Kept]] = {}
        self._queues: dict[_Place, dict[str, list[Kept]]] = {}
        if file is not None and file.exists():
            self._read(file)

    def answer(self, request: Request) -> Response:
        """Carry out an action, or answer why not."""
        try:
            return answered(self._carry_out(read_asked(request.body)))
        except OperationError as refusal:
            return refused(refusal)

    def _carry_out(self, asked: Asked) -> JsonObject:
        place, now = (asked.scope, asked.workspace_id), self._clock()
        if asked.action == "keys":
            return {"keys": self._keys(place, asked, now)}
        moment = Moment(now, self._version + 1)
        act = self._queue if asked.action in OF_QUEUES else self._change
        answer = act(place, asked, moment)
        self._version = moment.version
        if self._file is not None:
            self._write(self._file)
        return answer

    def _keys(self, place: _Place, asked: Asked, now: float) -> list[str]:
        values = self._values.get(place, {})
        live = (key for key in sorted(values) if key.startswith(asked.key) and key > asked.after)
        return [key for key in live if not values[key].is_over(now)][: asked.limit]

    def _change(self, place: _Place, asked: Asked, moment: Moment) -> JsonObject:
        values = self._values.setdefault(place, {})
        kept = values.get(asked.key)
        after, answer = change(asked, None if kept and kept.is_over(moment.now) else kept, moment)
        if after is None:
            values.pop(asked.key, None)
        else:
            values[asked.key] = after
        return answer

    def _queue(self, place: _Place, asked: Asked, moment: Moment) -> JsonObject:
        queues = self._queues.setdefault(place, {})
        waiting = [item for item in queues.get(asked.key, []) if not item.is_over(moment.now)]
        queues[asked.key] = waiting
        if asked.action == "take":
            return taken(waiting.pop(0) if waiting else None)
        ends_at = asked.ends_at(moment.now)
        waiting.append(Kept.of(asked.value, moment.version, ends_at, moment.max_value_bytes))
        return {"length": len(waiting)}

    def _read(self, file: Path) -> None:
        said: Any = orjson.loads(file.read_bytes())
        self._version = said["version"]
        for one in said["values"]:
            self._values.setdefault((one["scope"], one["workspace_id"]), {})[one["key"]] = _kept(one)
        for one in said["queued"]:
            queues = self._queues.setdefault((one["scope"], one["workspace_id"]), {})
            queues.setdefault(one["key"], []).append(_kept(one))

    def _write(self, file: Path) -> None:
        values = [(place, key, kept) for place, some in self._values.items() for key, kept in some.items()]
        queued = [
            (place, key, kept) for place, some in self._queues.items() for key, items in some.items() for kept in items
        ]
        said = {"version": self._version, "values": [*map(_told, values)], "queued": [*map(_told, queued)]}
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{os.getpid()}.part")
        draft.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2))
        draft.replace(file)


class WithStorage:
    """A Transport that answers what is asked of storage itself and passes on the rest.

    `missing` is what the transport behind it had no answer for.
    """

    def __init__(self, transport: Transport, storage: LocalStorage | None = None) -> None:
        self._transport = transport
        self._async: AsyncTransport = awaitable(transport)
        self._storage = storage or LocalStorage()

    @property
    def missing(self) -> list[str]:
        return getattr(self._transport, "missing", [])

    def send(self, request: Request) -> Response:
        return self._storage.answer(request) if is_for_storage(request) else self._transport.send(request)

    async def exchange(self, request: Request) -> Response:
        return self._storage.answer(request) if is_for_storage(request) else await self._async.exchange(request)


def _told(one: tuple[_Place, str, Kept]) -> JsonObject:
    (scope, workspace_id), key, kept = one
    place = {"scope": scope, "workspace_id": workspace_id, "key": key}
    return {**place, **asdict(kept), "content": kept.content.decode()}


def _kept(told: JsonObject) -> Kept:
    return Kept(told["content"].encode(), told["version"], told["expires_at"])
