"""How much work a stranger's schema makes for the hub, which checks the input of every call with it.

What counts is how many schemas look at one and the same value. `{"allOf": [a, a]}`, where `a` is a reference to another
such pair, and so on for forty lines, is a valid schema and a year of work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from jackfield.exchange import JsonObject

MAX_NODES = 5_000  # in one schema: a form has tens, a whole API's schema hundreds
MAX_SIDE_BY_SIDE = 200  # that look at the same value: the alternatives of a form, and theirs
MAX_PATTERNS = 100  # each is kept compiled, in up to half a megabyte
PATTERN_COST = 10  # a pattern is as much work as so many plain keywords

_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("not", "if", "then", "else")


class TooCostly(Exception):
    """The schema would keep the hub busy. The message is the end of a sentence about the schema."""


def check_cost(schema: JsonObject, nodes: list[Any]) -> None:
    """Raise TooCostly when checking a value with this schema may take long. `nodes` is every value in it."""
    if len(nodes) > MAX_NODES:
        raise TooCostly(f"of more than {MAX_NODES} parts. Simplify its shape.")
    parts = [cast("JsonObject", node) for node in nodes if isinstance(node, dict)]
    if any(isinstance(part.get("$ref"), str) for part in parts):
        raise TooCostly('with a reference ("$ref"). Forms cannot follow it: write out what it refers to.')
    if sum(_patterns(part) for part in parts) > MAX_PATTERNS:
        raise TooCostly(f"of more than {MAX_PATTERNS} patterns. Check some of these texts in the connector.")
    if any(_side_by_side(part) > MAX_SIDE_BY_SIDE for part in parts):
        raise TooCostly(f"of more than {MAX_SIDE_BY_SIDE} alternatives for one value. Simplify its shape.")


def _side_by_side(schema: JsonObject) -> int:
    """Return how many schemas look at the value this one looks at. The schema is not deep: that was checked before."""
    return 1 + PATTERN_COST * _patterns(schema) + sum(map(_side_by_side, _in_place(schema)))


def _in_place(schema: JsonObject) -> Iterator[JsonObject]:
    """Yield the schemas inside this one that look at the same value as it does."""
    dependencies = schema.get("dependencies")
    candidates = [schema.get(keyword) for keyword in _SINGLE]
    candidates += cast("JsonObject", dependencies).values() if isinstance(dependencies, dict) else ()
    for keyword in _LISTS:
        alternatives = schema.get(keyword)
        candidates += cast("list[Any]", alternatives) if isinstance(alternatives, list) else ()
    yield from (candidate for candidate in candidates if isinstance(candidate, dict))


def _patterns(schema: JsonObject) -> int:
    by_name = schema.get("patternProperties")
    names = len(cast("JsonObject", by_name)) if isinstance(by_name, dict) else 0
    return names + isinstance(schema.get("pattern"), str)
