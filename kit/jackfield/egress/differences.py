"""Says how the shape of one JSON value differs from another's: fields that came, went, or changed their type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from jackfield.exchange import Json, JsonObject


class Change(StrEnum):
    """What happened to a field since it was recorded."""

    APPEARED = "appeared"  #: harmless: more keys may always come
    DISAPPEARED = "disappeared"
    CHANGED_TYPE = "changed its type"
    CHANGED_VALUE = "changed"


@dataclass(frozen=True)
class Difference:
    """One field that is not as it was recorded. `field` is a path like `data[].price`."""

    field: str
    change: Change
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.field or 'the whole answer'} {self.change.value}{self.detail}"


def differences(recorded: Json, live: Json, field: str = "") -> Iterator[Difference]:
    """Yield how the live value's shape differs. null says nothing about a type, nor an empty list about its items."""
    if recorded is None or live is None:
        return
    if isinstance(recorded, dict) and isinstance(live, dict):
        yield from _between_objects(cast("JsonObject", recorded), cast("JsonObject", live), field)
    elif isinstance(recorded, list) and isinstance(live, list):
        yield from _between_lists(cast("list[Any]", recorded), cast("list[Any]", live), field)
    elif _type(recorded) != _type(live):
        yield Difference(field, Change.CHANGED_TYPE, f" from {_type(recorded)} to {_type(live)}")


def _between_objects(recorded: JsonObject, live: JsonObject, field: str) -> Iterator[Difference]:
    for name in sorted(recorded.keys() | live.keys()):
        path = f"{field}.{name}" if field else name
        if name not in live:
            yield Difference(path, Change.DISAPPEARED)
        elif name not in recorded:
            yield Difference(path, Change.APPEARED)
        else:
            yield from differences(recorded[name], live[name], path)


def _between_lists(recorded: list[Any], live: list[Any], field: str) -> Iterator[Difference]:
    if recorded and live:
        yield from differences(_typical(recorded), _typical(live), f"{field}[]")


def _typical(items: list[Any]) -> Json:
    """Return one item that has every key any of the objects has; for other lists their first item that is not null."""
    known = [item for item in items if item is not None]
    if not known or not isinstance(known[0], dict):
        return known[0] if known else None
    typical: JsonObject = {}
    for item in known:
        if isinstance(item, dict):
            found = {name: value for name, value in cast("JsonObject", item).items() if value is not None}
            typical = {**dict.fromkeys(cast("JsonObject", item)), **typical, **found}
    return typical


def _type(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {str: "string", dict: "object", list: "array"}[type(value)]
