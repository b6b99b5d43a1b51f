"""Values that are more than a text or a number."""

from __future__ import annotations

import json
from typing import Any, NewType, cast

import orjson
import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from jackfield.exchange import JsonObject
from jackfield_hub.errors import InvalidInput
from jackfield_hub.json_body import read_object

JsonValue = NewType("JsonValue", object)


def _read_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> object:
    """Return what is written in the document, read as a body of JSON would be: no infinities, numbers of 64 bits."""
    try:
        return orjson.loads(json.dumps(value_from_ast_untyped(node, variables), allow_nan=False))
    except (ValueError, RecursionError):
        raise GraphQLError("Json cannot represent this value", node) from None


def _as_it_is(value: Any) -> Any:
    return value


JSON_SCALAR: ScalarDefinition = strawberry.scalar(
    name="Json",
    description="Any JSON value. Where one is asked for, JSON written as a text will do too.",
    serialize=_as_it_is,
    parse_value=_as_it_is,
    parse_literal=_read_literal,
)


def read_object_of(name: str, value: object) -> JsonObject:
    """Return the object that `value` is, or that is written in it as JSON text. Raises InvalidInput."""
    if isinstance(value, str):
        try:
            return read_object(value.encode())
        except InvalidInput:
            raise InvalidInput(f"`{name}` is not a JSON object written as text") from None
    if not isinstance(value, dict):
        raise InvalidInput(f"`{name}` is neither an object nor one written as text")
    return cast("JsonObject", value)
