"""JSON that strangers send, read strictly: what is refused here would break something further in.

Not JSON to us: NaN and infinities, half a surrogate pair, text that is not UTF-8, and more nesting or more values than
an honest client sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar, cast

import orjson
from pydantic import BaseModel, ValidationError

from jackfield.exchange import Json, JsonObject
from jackfield_hub.errors import InvalidInput

Model = TypeVar("Model", bound=BaseModel)

MAX_DEPTH = 100
MAX_VALUES = 500_000  # ten megabytes of `[[],[],…]` would take hundreds to read, and everybody's time
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)  # one without an end is one too: read once
_SHOWN_CHARACTERS = 12


def read_object(content: bytes) -> JsonObject:
    """Return the object a body holds, whatever its Content-Type said. Raises InvalidInput."""
    if _count_values(content) > MAX_VALUES:
        raise invalid(f"more than {MAX_VALUES} values; send less at a time")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as mistake:
        raise invalid(f"not JSON; look at line {mistake.lineno}, column {mistake.colno}") from None
    if _is_too_deep(value, content):
        raise invalid(f"nested deeper than {MAX_DEPTH} levels")
    if not isinstance(value, dict):
        raise invalid(f"Got value '{shown(value)}' with wrong type, expecting object")
    return cast("JsonObject", value)


def read_model(model: type[Model], content: bytes) -> Model:
    """Return what a body says. Raises InvalidInput, which names the field and does not repeat its value."""
    try:
        return model.model_validate(read_object(content))
    except ValidationError as mistake:
        first = mistake.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid(f"{first['msg']} at '{where}'") from None


def invalid(problem: str) -> InvalidInput:
    """Return the refusal of a body in the words of the public API: `Invalid value for: body (…)`."""
    return InvalidInput(f"Invalid value for: body ({problem})")


def shown(value: Json) -> str:
    """Return a value as JSON, to be recognised by whoever sent it; of what may hold a secret only its kind: `[…]`."""
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return '"…"'
    if isinstance(value, list | dict) and value:
        return "[…]" if isinstance(value, list) else "{…}"
    return orjson.dumps(value).decode()


def _count_values(content: bytes) -> int:
    """Return how many values there are at most: exactly, where a quick guess would be too many."""
    if len(content) <= MAX_VALUES:
        return len(content)
    guess = sum(map(content.count, (b",", b"[", b"{")))
    if guess <= MAX_VALUES:
        return guess
    bare = _STRINGS.sub(b"", content)
    return sum(map(bare.count, (b",", b"[", b"{")))


def _is_too_deep(value: Json, content: bytes) -> bool:
    if content.count(b"{") + content.count(b"[") <= MAX_DEPTH:
        return False  # nearly every body: no need to walk through it
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Json) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()
