"""What clients send to the GraphQL address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field

from jackfield.exchange import JsonObject
from jackfield_hub.json_body import invalid, read_object, shown

_TYPES: dict[str, type] = {"string": str, "object": dict}


@dataclass(frozen=True, slots=True)
class Question:
    """A document, the values of its variables, and which of its operations is meant (None: it has only one)."""

    document: str
    variables: JsonObject = field(default_factory=dict[str, Any])
    operation_name: str | None = None


class QuestionBody(BaseModel):
    """One GraphQL operation. Other keys are passed over."""

    query: str = Field(description="The document.", examples=["{ viewer { details { name } } }"])
    variables: dict[str, Any] | None = Field(default=None, description="The values of the document's variables.")
    operation_name: str | None = Field(
        default=None, alias="operationName", description="Which operation is meant, if the document has more than one."
    )


class AnswerBody(BaseModel):
    """What was found, or why not. The status is 200 either way."""

    data: dict[str, Any] | None = Field(description="Null when anything went wrong.")
    errors: list[dict[str, Any]] = Field(
        default=[], description="Each has `message`, `extensions` and, when known, `locations` and `path`."
    )


def read_question(content: bytes) -> Question:
    """Return what a body asks. Raises InvalidInput."""
    if content.lstrip(b" \t\r\n").startswith(b"["):
        raise invalid("batches are not taken; send one operation a request")
    body = read_object(content)
    document = _optional(body, "query", "string")
    if not document:
        raise invalid("Missing required field at 'query'")
    return Question(
        document=document,
        variables=_optional(body, "variables", "object") or {},
        operation_name=_optional(body, "operationName", "string") or None,
    )


def _optional(body: JsonObject, name: str, kind: str) -> Any:
    value = body.get(name)
    if value is not None and not isinstance(value, _TYPES[kind]):
        raise invalid(f"Got value '{shown(value)}' with wrong type, expecting {kind} at '{name}'")
    return value
