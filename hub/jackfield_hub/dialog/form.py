"""A JSON Schema as a form: its fields, and what comes back from them.

    schema ── fields_of ──> fields on a page ── the browser ──> texts by name ── read_form ──> a value, and problems

A field's name is its way through the value: `credentials/apiKey`. What a person typed is checked in words for people.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

import orjson

from jackfield.exchange import Json, JsonObject
from jackfield.validation import Schema

MAX_DEPTH = 5  # of objects inside objects; what is deeper is typed in as JSON
FILL_IN = "Please fill this in."
_MISSING = object()


class Kind(StrEnum):
    """What a field looks like."""

    TEXT = "text"
    PASSWORD = "password"  #: hidden while typing, and never sent back to the browser
    LINES = "lines"  #: a text of several lines
    NUMBER = "number"
    CHECKBOX = "checkbox"
    CHOICE = "choice"
    LIST = "list"  #: texts, one a line
    JSON = "json"
    GROUP = "group"  #: fields in a frame
    HIDDEN = "hidden"  #: not shown; its default is taken


@dataclass(frozen=True, slots=True)
class Option:
    """An entry of a drop-down."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a page."""

    name: str
    title: str
    kind: Kind
    description: str = ""
    is_required: bool = False
    value: str = ""
    problem: str = ""
    is_kept: bool = False  #: a secret that is stored, and stays when nothing is typed
    options: Sequence[Option] = ()
    fields: Sequence[Field] = ()

    @property
    def element_id(self) -> str:
        """What labels and messages on the page point at."""
        return re.sub(r"[^A-Za-z0-9]", lambda other: f"_{ord(other[0]):x}_", self.name)


@dataclass(frozen=True, slots=True)
class Filled:
    """What came back from a form: the value it says, the texts as they were typed, and what is wrong by field name."""

    value: JsonObject = field(repr=False)
    typed: Mapping[str, str] = field(repr=False)
    problems: dict[str, str] = field(default_factory=dict[str, str])


def fields_of(
    schema: JsonObject,
    name: str,
    *,
    value: Mapping[str, Any] | None = None,
    filled: Filled | None = None,
    keeps: bool = False,
) -> list[Field]:
    """Return the fields of an object schema, filled with a value, or with what somebody typed before.

    `keeps`: the value is stored already, and its secrets stay when nothing is typed.
    """
    return _Drawing(filled, keeps).fields(schema, name, value or {})


def read_form(
    schema: JsonObject, name: str, typed: Mapping[str, str], stored: Mapping[str, Any] | None = None
) -> Filled:
    """Return what somebody typed as a value. `stored` holds the secrets that stay when nothing is typed."""
    reading = _Reading(typed)
    return Filled(reading.object(schema, name, stored or {}), typed, reading.problems)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """How all fields of a form are drawn."""

    filled: Filled | None
    keeps: bool

    def fields(self, schema: JsonObject, name: str, value: Mapping[str, Any]) -> list[Field]:
        required = _required(schema)
        return [
            replace(
                self.field(shape, _join(name, key), value.get(key, _MISSING)),
                title=_title(key, shape),
                is_required=key in required and shape.get("type") != "boolean",
            )
            for key, shape in _properties(schema).items()
        ]

    def field(self, shape: JsonObject, name: str, value: Any) -> Field:
        kind = kind_of(shape, name)
        drawn = Field(name, "", kind, shape.get("description") or "")
        if kind is Kind.GROUP:
            return replace(drawn, fields=self.fields(shape, name, _object(value)))
        text = self.text(kind, shape, name, value)
        return replace(
            drawn,
            value="" if kind is Kind.PASSWORD else text,
            problem=self.filled.problems.get(name, "") if self.filled else "",
            is_kept=self.keeps and kind is Kind.PASSWORD and value is not _MISSING,
            options=[
                Option(str(number), label, str(number) == text) for number, (_, label) in enumerate(_choices(shape))
            ],
        )

    def text(self, kind: Kind, shape: JsonObject, name: str, value: Any) -> str:
        if self.filled is not None:
            return self.filled.typed.get(name, "")
        return _shown(kind, shape, shape.get("default", _MISSING) if value is _MISSING else value)


def kind_of(shape: JsonObject, name: str) -> Kind:
    """Return what a field of this schema looks like."""
    form, declared = shape.get("format"), shape.get("type")
    if form == "hidden" or "const" in shape:
        return Kind.HIDDEN
    if _choices(shape):
        return Kind.CHOICE
    if declared == "string":
        return {"password": Kind.PASSWORD, "text": Kind.LINES, "code": Kind.LINES}.get(str(form), Kind.TEXT)
    if declared == "object" and _properties(shape) and name.count("/") < MAX_DEPTH:
        return Kind.GROUP
    if declared == "array" and shape.get("items", {}).get("type") == "string":
        return Kind.LIST
    return {"integer": Kind.NUMBER, "number": Kind.NUMBER, "boolean": Kind.CHECKBOX}.get(str(declared), Kind.JSON)


class _Reading:
    """What was typed, and what is found wrong with it."""

    def __init__(self, typed: Mapping[str, str]) -> None:
        self.typed = typed
        self.problems: dict[str, str] = {}

    def object(self, schema: JsonObject, name: str, stored: Mapping[str, Any]) -> JsonObject:
        read = {
            key: self.value(shape, _join(name, key), stored.get(key, _MISSING), is_required=key in _required(schema))
            for key, shape in _properties(schema).items()
        }
        return {key: value for key, value in read.items() if value is not _MISSING}

    def value(self, shape: JsonObject, name: str, stored: Any, *, is_required: bool) -> Any:
        """Return the value of a field, or _MISSING."""
        kind = kind_of(shape, name)
        if kind is Kind.HIDDEN:
            return shape.get("const", shape.get("default", _MISSING))
        if kind is Kind.CHECKBOX:
            return name in self.typed
        if kind is Kind.GROUP:
            inner = self.object(shape, name, _object(stored))
            return inner if inner or is_required else _MISSING
        text = self.typed.get(name, "")
        if text.strip():
            return self.text(kind, shape, name, text)
        if kind is Kind.PASSWORD and stored is not _MISSING:
            return stored
        if is_required:
            self.problems[name] = FILL_IN
        return _MISSING

    def text(self, kind: Kind, shape: JsonObject, name: str, text: str) -> Any:
        try:
            value = _read(kind, shape, text)
            _check(shape, value)
        except ValueError as mistake:
            self.problems[name] = str(mistake)
            return _MISSING
        return value


def _read(kind: Kind, shape: JsonObject, text: str) -> Json:
    """Return what a text means. Raises ValueError with a sentence for the person who typed it."""
    match kind:
        case Kind.LIST:
            return [line.strip() for line in text.splitlines() if line.strip()]
        case Kind.NUMBER:
            return _read_number(text, is_whole=shape.get("type") == "integer")
        case Kind.CHOICE:
            return _read_choice(_choices(shape), text)
        case Kind.JSON:
            return _read_json(text)
        case Kind.TEXT:
            return text.strip()
        case _:  # secrets, and texts of several lines, are taken as they are
            return text.replace("\r\n", "\n")


def _read_choice(choices: Sequence[tuple[Json, str]], text: str) -> Json:
    if not text.isdecimal() or int(text) >= len(choices):
        raise ValueError("Please choose one of the list.")
    return choices[int(text)][0]


def _read_number(text: str, *, is_whole: bool) -> int | float:
    try:
        return int(text) if is_whole else _finite(float(text.replace(",", ".")))
    except ValueError:
        raise ValueError("Please enter a whole number." if is_whole else "Please enter a number.") from None


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError
    return number


def _read_json(text: str) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as mistake:
        raise ValueError(f"This is not JSON; look at line {mistake.lineno}.") from None


def _check(shape: JsonObject, value: Json) -> None:
    if Schema(shape).is_valid(value):
        return
    raise ValueError(next(_complaints(shape, value), "This does not have the form that is asked for."))


def _complaints(shape: JsonObject, value: Json) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) < shape.get("minLength", 0):
            yield f"Please enter at least {shape['minLength']} characters."
        if len(value) > shape.get("maxLength", math.inf):
            yield f"Please enter at most {shape['maxLength']} characters."
    if isinstance(value, int | float):
        if value < shape.get("minimum", -math.inf):
            yield f"This must be {shape['minimum']} or more."
        if value > shape.get("maximum", math.inf):
            yield f"This must be {shape['maximum']} or less."


def _shown(kind: Kind, shape: JsonObject, value: Any) -> str:
    """Return a stored value, or a default, as it stands in the field."""
    if value is _MISSING or value is None:
        return ""
    if kind is Kind.CHOICE:
        return next((str(number) for number, (choice, _) in enumerate(_choices(shape)) if choice == value), "")
    if kind is Kind.CHECKBOX:
        return "on" if value is True else ""
    if kind is Kind.LIST and isinstance(value, list):
        return "\n".join(str(one) for one in cast("list[Any]", value))
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _choices(shape: JsonObject) -> list[tuple[Json, str]]:
    """Return the values one may choose from, each with its label."""
    values, labels = _list(shape.get("enum")), _list(shape.get("enumLabels"))
    if values:
        return [(value, str(labels[at]) if at < len(labels) else _label(value)) for at, value in enumerate(values)]
    ways = [_object(way) for way in _list(shape.get("oneOf"))]
    if not all("const" in way for way in ways):
        return []
    return [(way["const"], way.get("title") or _label(way["const"])) for way in ways]


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _object(value: Any) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _label(value: Json) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _properties(schema: JsonObject) -> dict[str, JsonObject]:
    return schema.get("properties") or {}


def _required(schema: JsonObject) -> Sequence[str]:
    return schema.get("required") or ()


def _title(key: str, shape: JsonObject) -> str:
    return shape.get("title") or key.replace("_", " ").strip().capitalize()


def _join(name: str, key: str) -> str:
    return f"{name}/{key.replace('~', '~0').replace('/', '~1')}"
