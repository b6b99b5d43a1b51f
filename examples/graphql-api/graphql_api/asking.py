"""One question of GraphQL over HTTP, and the errors that come inside an answer with status 200."""

from dataclasses import dataclass
from typing import Any

from jackfield import Http, InvalidInput, NotFound, ServiceError

NOT_FOUND = 101  # how a Parse app says it, with status 200 as well


@dataclass
class Answer:
    """What came back: the data there is, and what went wrong with the rest."""

    data: dict[str, Any]
    errors: list[str]


def ask(http: Http, query: str, variables: dict[str, Any], *, is_partial_allowed: bool = False) -> Answer:
    """Return the answer. Raises InvalidInput for a query the API does not understand, ServiceError when it refuses.

    With `is_partial_allowed` an answer that has some data is no refusal.
    """
    answer = http.post("", json={"query": query, "variables": variables}, accept=(400,))
    body: dict[str, Any] = answer.json()
    errors: list[dict[str, Any]] = body.get("errors") or []
    data: dict[str, Any] = body.get("data") or {}
    if not errors or (is_partial_allowed and any(value is not None for value in data.values())):
        return Answer(data, [_sentence(error) for error in errors])
    said, code = _sentence(errors[0]), errors[0].get("extensions", {}).get("code")
    if answer.status == 400:
        raise InvalidInput(f"The API does not understand the query: {said} Look the name up in its documentation.")
    kind = NotFound if code == NOT_FOUND else ServiceError
    raise kind(f"The API answered, but refused: {said} Check the ids and values you asked with.", answer.response)


def _sentence(error: dict[str, Any]) -> str:
    """Return an error as a sentence that says where in the query it is."""
    steps = ".".join(str(step) for step in error.get("path", []))
    return f"{error['message'].rstrip('.')}{f' (at {steps})' if steps else ''}."
