"""Asking a hub in GraphQL, as clients do."""

from __future__ import annotations

from typing import Any

from tests.hub.people import Answer, Person

ADDRESS = "/graphql"


async def send(
    person: Person, document: str, variables: dict[str, Any] | None = None, operation_name: str | None = None
) -> Answer:
    """Return whatever the hub answers."""
    return await person.post(
        ADDRESS, {"query": document, "variables": variables or {}, "operationName": operation_name}
    )


async def ask(person: Person, document: str, **variables: Any) -> dict[str, Any]:
    """Return the data of a document that succeeds."""
    answer = await send(person, document, variables)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json.keys() == {"data"}, answer.json
    return answer.json["data"]


async def problem(person: Person, document: str, **variables: Any) -> dict[str, Any]:
    """Return the first error of a document that fails."""
    answer = await send(person, document, variables)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["data"] is None, answer.json
    return answer.json["errors"][0]


async def code(person: Person, document: str, **variables: Any) -> str:
    """Return the code of the first error of a document that fails."""
    return (await problem(person, document, **variables))["extensions"]["code"]


async def create_user(person: Person, name: str) -> str:
    """Make an end user whose external id is the name again; return the id."""
    made = await ask(
        person,
        "mutation($name: String!) { createExternalUser(input: {name: $name, externalUserId: $name}) { userId } }",
        name=name,
    )
    return made["createExternalUser"]["userId"]
