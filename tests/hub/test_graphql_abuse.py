"""What a GraphQL address is attacked with: every document is refused in time, with a typed error and no apology."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import UserKind
from jackfield_hub.settings import Settings
from jackfield_hub.tables import users
from tests.hub.abusive_documents import ABUSES, LIST, aliases
from tests.hub.graphql import ask, problem, send
from tests.hub.people import Person

PAGE_INFO = "hasNextPage hasPreviousPage"
GENEROUS_SECONDS = 5.0
"""Most take milliseconds. On a busy machine, what is linear still stays far below; what is not does not end."""


@pytest.mark.parametrize("family", ABUSES)
async def test_every_abusive_document_is_refused_in_time_with_the_code_for_it(alice: Person, family: str) -> None:
    refused: dict[str, Any] = {}
    slow: list[str] = []
    for name, abuse in ABUSES[family].items():
        began = time.monotonic()
        answer = await send(alice, abuse.document, abuse.variables, abuse.operation_name)
        if time.monotonic() - began > GENEROUS_SECONDS:
            slow.append(name)
        refused[name] = _told(answer.status, answer.json)

    expected = {name: _expected(abuse.code) for name, abuse in ABUSES[family].items()}
    assert refused == expected
    assert slow == []
    assert await ask(alice, "{ __typename }") == {"__typename": "Query"}


def test_the_corpus_stays_large() -> None:
    assert sum(len(family) for family in ABUSES.values()) >= 80


def _expected(code: str | None) -> Any:
    if code == "":
        return "answered"
    if code in ("resource_does_not_exist", "user_does_not_exist"):
        return (200, "PreconditionError", code)
    return (200, "GraphQLError", code)


def _told(status: int, body: dict[str, Any]) -> Any:
    if "errors" not in body:
        return "answered"
    if body["data"] is not None:
        return body
    extensions = body["errors"][0]["extensions"]
    return (status, extensions["name"], extensions.get("code"))


NO_QUESTIONS = [
    b"[]",
    b'[{"query": "{ __typename }"}]',
    b' \n[{"query": "{ __typename }"}, {"query": "{ __typename }"}]',
    b"{}",
    b'{"query": ""}',
    b'{"query": null}',
    b'{"query": 5}',
    b'{"query": ["{ __typename }"]}',
    b'{"query": "{ __typename }", "variables": []}',
    b'{"query": "{ __typename }", "variables": "{}"}',
    b'{"query": "{ __typename }", "operationName": 5}',
    b'{"query": "{ __typename }", "variables": {"a": NaN}}',
    b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
    b'{"query": "\xff"}',
    b"query=%7B+__typename+%7D",
    b"{ __typename }",
    b"",
]


async def test_a_body_that_is_no_single_question_is_refused_like_any_other_body(alice: Person) -> None:
    for body in NO_QUESTIONS:
        answer = await alice.send("POST", "/graphql", body)

        assert (answer.status, answer.json["code"]) == (400, "invalid_input"), body


async def test_a_batch_is_told_to_come_one_by_one(alice: Person) -> None:
    answer = await alice.post("/graphql", [{"query": "{ __typename }"}])

    assert answer.json["message"] == "Invalid value for: body (batches are not taken; send one operation a request)"


async def test_lists_that_are_too_long_together_are_refused(hub: Hub, alice: Person) -> None:
    await invite_crowd(hub, alice, 4_000)

    assert len((await ask(alice, "{ " + aliases(2, LIST) + " }"))["a1"]["edges"]) == 4_000
    error = await problem(alice, "{ " + aliases(3, LIST) + " }")

    assert error["extensions"]["code"] == "too_many_nodes"
    assert error["message"] == "The lists of the answer have more than 10000 nodes; ask for smaller pages"


async def test_a_list_ends_at_its_limit_and_says_that_there_is_more(hub: Hub, alice: Person) -> None:
    await invite_crowd(hub, alice, 5_001)

    for size in ("", "(first: 2147483647)", "(last: 2147483647)"):
        found = (await ask(alice, f"{{ users{size} {{ edges {{ cursor }} pageInfo {{ {PAGE_INFO} }} }} }}"))["users"]
        assert len(found["edges"]) == 5_000
        assert found["pageInfo"]["hasNextPage"] is ("last" not in size)
        assert found["pageInfo"]["hasPreviousPage"] is ("last" in size)


async def test_a_long_list_lets_others_go_first(hub: Hub, alice: Person) -> None:
    await invite_crowd(hub, alice, 5_000)
    reading = asyncio.create_task(ask(alice, "{ users { edges { cursor node { id name } } } }"))

    answered = 0
    while not reading.done():
        assert (await alice.without_token().get("/healthz")).status == 200
        answered += 1

    assert answered > 3
    assert len((await reading)["users"]["edges"]) == 5_000


async def invite_crowd(hub: Hub, person: Person, count: int) -> None:
    """Make so many end users at once."""
    crowd = [
        {
            "id": str(uuid.uuid4()),
            "organization_id": person.organization_id,
            "kind": UserKind.END_USER,
            "name": f"user {number}",
            "external_id": f"u-{number}",
            "created_at": hub.clock(),
        }
        for number in range(count)
    ]
    async with hub.database.transaction() as tx:
        await tx.execute(insert(users), crowd)


class TestWithoutPatience:
    """A hub that waits for no document."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"graphql_seconds": 0.000001})

    async def test_a_document_that_takes_too_long_is_stopped(self, alice: Person) -> None:
        error = await problem(alice, "{ " + LIST + " }")

        assert error["extensions"]["code"] == "took_too_long"
        assert error["extensions"]["name"] == "GraphQLError"


SECRET = "hunter2-p4ssw0rd"
FIT = {"name": "x", "serviceId": "x", "serviceEnvironmentId": "x", "scopes": [], "data": {"password": SECRET}}
OUT = "{ output }"
MADE = "{ authenticationId }"
STORE = (
    "mutation($input: CreateUserAuthenticationInput!) { createUserAuthentication(input: $input) { authenticationId } }"
)


MISFITS: list[tuple[str, dict[str, Any]]] = [
    (STORE, {"input": {**FIT, "serviceId": None}}),
    (STORE, {"input": {name: value for name, value in FIT.items() if name != "scopes"}}),
    (STORE, {"input": {**FIT, "more": 1}}),
    (STORE, {"input": {**FIT, "datum": 1}}),
    (STORE, {"input": {**FIT, "name": {"is": SECRET}}}),
    (STORE, {"input": {**FIT, "name": [SECRET]}}),
    (STORE, {"input": {**FIT, "scopes": [{"is": SECRET}]}}),
    (STORE, {"input": {**FIT, "hidden": SECRET}}),
    (STORE, {"input": SECRET}),
    (STORE, {"input": [SECRET]}),
    (STORE, {"input": {**FIT, "data": SECRET}}),
    (STORE, {"input": {**FIT, "data": [SECRET]}}),
    (STORE, {"input": {**FIT, "data": '{"password": "' + SECRET}}),
    (STORE, {"input": FIT}),
    (
        f'mutation {{ createUserAuthentication(input: {{name: "x", data: {{p: "{SECRET}"}}}}) {MADE} }}',
        {},
    ),
    (f'mutation {{ createUserAuthentication(input: "{SECRET}") {MADE} }}', {}),
    (f'mutation {{ createUserAuthentication(input: {{name: {{is: "{SECRET}"}}}}) {MADE} }}', {}),
    (f'mutation {{ createUserAuthentication(input: ) "{SECRET}" }}', {}),
    (f'mutation {{ createUserAuthentication(input: ) """{SECRET}""" }}', {}),
    (f'{{ users(first: "{SECRET}") {{ __typename }} }}', {}),
    (f'query($n: Int = "{SECRET}") {{ users(first: $n) {{ __typename }} }}', {}),
    ("query($n: Int) { users(first: $n) { __typename } }", {"n": SECRET}),
    ("query($b: Boolean!) { __typename @skip(if: $b) }", {"b": SECRET}),
    (f'{{ __typename @skip(if: "{SECRET}") }}', {}),
    (f'{{ users(after: "{SECRET}") {{ __typename }} }}', {}),
    (f'mutation {{ authorize(input: {{userId: "{SECRET}"}}) {{ accessToken }} }}', {}),
    (f'mutation {{ removeExternalUser(input: {{userId: ["{SECRET}"]}}) {{ clientMutationId }} }}', {}),
    (
        'mutation { callConnector(input: {connector: "x", version: "1", operation: "y", '
        f'input: "{SECRET}"}}) {OUT} }}',
        {},
    ),
]


async def test_what_does_not_fit_is_not_repeated(alice: Person, capsys: pytest.CaptureFixture[str]) -> None:
    for document, variables in MISFITS:
        answer = await send(alice, document, variables)

        assert answer.json["errors"][0]["message"], (document, variables)
        assert SECRET.encode() not in answer.body, (document, variables)
    assert SECRET not in capsys.readouterr().err


async def test_a_failure_of_ours_is_said_without_its_words_and_can_be_found_in_the_log(
    hub: Hub, alice: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await ask(alice, "{ __typename }")  # the token is known by now
    await hub.database.close()
    (Path(hub.settings.data_dir) / "core.db").write_bytes(b"this is no database" * 1000)

    answer = await alice.send(
        "POST", "/graphql", b'{"query": "{ users { __typename } }"}', {"X-Request-Id": "look-for-me-1"}
    )

    error = answer.json["errors"][0]
    assert (answer.status, answer.json["data"]) == (200, None)
    assert error["extensions"]["name"] == "InternalError"
    assert error["extensions"]["errorId"] == "look-for-me-1"
    assert "no database" not in error["message"]
    assert "look-for-me-1" in capsys.readouterr().err
