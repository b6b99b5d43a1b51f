"""One operation: what is wrong with an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from jackfield import Connector
from jackfield.exchange import JsonObject
from jackfield.validation import Schema

checker = Connector()


@dataclass
class Asked:
    """A schema, and what should fit it."""

    schema: JsonObject
    given: JsonObject


class Found(TypedDict):
    """What is wrong, in the words of the public API; nothing for an input that fits."""

    problems: list[str]


@checker.operation
def check(asked: Asked) -> Found:
    """Check an input against its schema."""
    schema = Schema(asked.schema)
    return {"problems": [] if schema.is_valid(asked.given) else schema.problems(asked.given)}
