"""What /openapi.json says about the call path, which FastAPI does not serve and so cannot describe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unavailable, refusals
from jackfield_hub.idempotency.shapes import KEY_HEADER, IdempotencyInProgress, IdempotencyKeyReused


class CallRequest(BaseModel):
    """One call of an operation. Other keys are passed over."""

    operation: str = Field(description="The name of the operation.")
    input: dict[str, Any] = Field(description="Fits the operation's `inputSchema`.")
    auth_id: Annotated[str | None, Field(alias="authId", json_schema_extra={"format": "uuid"})] = None
    return_output_schema: Annotated[bool, Field(alias="returnOutputSchema")] = False


class CallAnswer(BaseModel):
    """How the call ended. A third party's refusal is an outcome too: the status of this answer is 200."""

    outcome: Literal["success", "error"]
    output: dict[str, Any] = Field(
        description="What the operation gave; for an error `message`, `code`, `kind`, `fault`, and what the third "
        "party answered under `response`."
    )


_REFUSALS = (
    InvalidInput,
    Forbidden,
    NotFound,
    IdempotencyInProgress,
    TooLarge,
    IdempotencyKeyReused,
    Unavailable,
)


def describe_call_path() -> dict[str, Any]:
    """Return the paths of calls as OpenAPI has them."""
    return {"/core/v1/connectors/{name}/versions/{version}/call": {"post": _CALL}}


def _in_path(name: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": model.model_json_schema()}}}


_KEY: dict[str, Any] = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "A text of your choice: a call that is sent again with it, within 24 hours, is answered as the "
    "first time and not run again.",
}
_CALL: dict[str, Any] = {
    "tags": ["Connectors"],
    "summary": "Call Operation",
    "operationId": "call_operation",
    "description": "Run an operation and return how it ended. One task, recorded before this is answered.",
    "parameters": [_in_path("name", "acme"), _in_path("version", "1.0"), _KEY],
    "requestBody": {"required": True, **_content(CallRequest)},
    "responses": {
        "200": {"description": "The operation was run.", **_content(CallAnswer)},
        **{str(status): refusal for status, refusal in refusals(*_REFUSALS).items()},
    },
}
