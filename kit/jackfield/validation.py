"""Check a value against a schema, and say what is wrong in the words of the public API.

The texts follow the API's documented 400 messages: `#: required key [channel] not found`,
`#/rows: expected type: Integer, found: String`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast

import jsonschema_rs

from jackfield.exchange import Json, JsonObject

MAX_PROBLEMS = 20
MAX_NEAREST = 3  # problems told of the nearest alternative
_TYPE_NAMES = {
    "integer": "Integer",
    "number": "Number",
    "string": "String",
    "boolean": "Boolean",
    "array": "JSONArray",
    "object": "JSONObject",
    "null": "Null",
}
# Read in one go, whatever the text: no pattern keeps whoever checks a value busy. So none looks ahead or back.
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=500_000, dfa_size_limit=256_000)


class Schema:
    """One JSON Schema (draft 7 with the API's extra keywords), compiled when it is first used.

    Raises ValueError at that moment when the schema itself is wrong. A `$ref` to anywhere outside is never followed.
    """

    def __init__(self, schema: JsonObject) -> None:
        self.source = schema

    @cached_property
    def _validator(self) -> jsonschema_rs.Draft7Validator:
        return jsonschema_rs.Draft7Validator(_as_alternatives(self.source), offline=True, pattern_options=_PATTERNS)

    def compile(self) -> None:
        """Raise ValueError when the schema cannot be used."""
        _ = self._validator

    def is_valid(self, value: Json) -> bool:
        return self._validator.is_valid(value)

    def problems(self, value: Json) -> list[str]:
        """Return what is wrong with `value`, at most twenty texts like `#/n: expected type: Integer, found: String`."""
        texts: list[str] = []
        for error in self._validator.iter_errors(value):
            texts.extend(_texts(error))
            if len(texts) >= MAX_PROBLEMS:
                break
        return sorted(texts[:MAX_PROBLEMS])


def problem_text(problems: list[str]) -> str:
    """Return the whole message the public API documents for input that does not fit."""
    numbered = ", ".join(f"{number} - {problem}" for number, problem in enumerate(problems, start=1))
    return f"Connector input validation failed. Schema validation errors:\n[ {numbered} ]"


def type_name(value: Json) -> str:
    """Return the JSON type of `value` as the API's messages spell it: "String", "Integer", "JSONObject", "Null"."""
    if isinstance(value, bool):
        return "Boolean"
    for kind, name in ((int, "Integer"), (float, "Number"), (str, "String"), (list, "JSONArray"), (dict, "JSONObject")):
        if isinstance(value, kind):
            return name
    return "Null"


def _as_alternatives(schema: Any) -> Any:
    """Return the schema with every `oneOf` read as `anyOf`.

    A form's alternatives are object types that may overlap; "exactly one" would refuse a value that fits two of them.
    """
    if isinstance(schema, dict):
        items = cast("JsonObject", schema).items()
        return {
            "anyOf" if key == "oneOf" and isinstance(value, list) else key: _as_alternatives(value)
            for key, value in items
        }
    if isinstance(schema, list):
        return [_as_alternatives(part) for part in cast("list[Any]", schema)]
    return schema


def _texts(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    where = "#" + "".join(f"/{step}" for step in error.instance_path)
    detail = error.kind.as_dict()
    match error.kind.name:
        case "required":
            yield f"{where}: required key [{detail['property']}] not found"
        case "type":
            yield f"{where}: expected type: {_expected(detail['types'])}, found: {type_name(error.instance)}"
        case "additionalProperties":
            for name in detail["unexpected"]:
                yield f"{where}: extraneous key [{name}] is not permitted"
        case "enum":
            yield f"{where}: {_shown(error.instance)} is not a valid enum value: use {_choices(detail['options'])}"
        case "anyOf" | "oneOf":
            yield f"{where}: no subschema matched out of the total {_alternatives(error, detail['context'])}"
        case "minLength":
            yield f"{where}: expected minLength: {detail['limit']}, actual: {_length(error.instance)}"
        case "maxLength":
            yield f"{where}: expected maxLength: {detail['limit']}, actual: {_length(error.instance)}"
        case "minimum":
            yield f"{where}: {error.instance} is not greater or equal to {detail['limit']}"
        case "maximum":
            yield f"{where}: {error.instance} is not less or equal to {detail['limit']}"
        case "pattern":
            yield f"{where}: string does not match pattern {detail['pattern']}"
        case keyword:
            yield f"{where}: does not satisfy {keyword}"


def _alternatives(refused: jsonschema_rs.ValidationError, failed: list[list[jsonschema_rs.ValidationError]]) -> str:
    """Return how many alternatives there were, and what is wrong with the one that was meant, if that can be told."""
    count = f"{len(failed)} subschemas"
    distances = [(any(_is_other(error, refused) for error in errors), len(errors)) for errors in failed]
    nearest = min(distances, default=(True, 0))
    if nearest[0] or distances.count(nearest) > 1:
        return count
    number = distances.index(nearest)
    texts = [text for error in failed[number] for text in _texts(error)]
    return f"{count}; number {number + 1} is nearest: {'; '.join(sorted(texts)[:MAX_NEAREST])}"


def _is_other(error: jsonschema_rs.ValidationError, refused: jsonschema_rs.ValidationError) -> bool:
    """Whether another alternative was meant: the value is of another type, or a key has not this one's only value."""
    if error.kind.name == "enum":
        return len(error.kind.as_dict()["options"]) == 1
    return error.kind.name == "type" and error.instance_path == refused.instance_path


def _expected(types: list[str]) -> str:
    names = [_TYPE_NAMES.get(name, name) for name in types]
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def _length(value: Json) -> int:
    return len(value)


def _shown(value: Json) -> str:
    return f"[{value}]" if isinstance(value, str | int | float) and len(str(value)) <= 80 else type_name(value)


def _choices(options: list[Json]) -> str:
    shown = ", ".join(str(option) for option in options[:10])
    return shown if len(options) <= 10 else f"{shown}, …"
