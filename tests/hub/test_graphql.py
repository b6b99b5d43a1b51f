"""GraphQL at the front door: who is let in, how lists are paged, and what a call leaves behind."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import uuid
from datetime import datetime
from typing import Any

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.graphql import ADDRESS, ask, code, create_user, problem, send
from tests.hub.people import Person
from tests.hub.shop import put_in_place
from tests.hub.stored import all_that_is_stored

USERS = """query($criteria: UserSearchCriteria, $first: Int, $after: String, $last: Int, $before: String) {
  users(criteria: $criteria, first: $first, after: $after, last: $last, before: $before) {
    edges { node { id name isTestUser } cursor }
    pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
  }
}"""
REMOVE = "mutation($id: ID!) { removeExternalUser(input: {userId: $id}) { clientMutationId } }"
CALL = """mutation($operation: String!, $given: String) {
  callConnector(input: {connector: "shop", version: "1.0", operation: $operation, input: $given}) { outcome output }
}"""


async def page(person: Person, **variables: Any) -> dict[str, Any]:
    return (await ask(person, USERS, **variables))["users"]


def ids(page: dict[str, Any]) -> list[str]:
    return [edge["node"]["id"] for edge in page["edges"]]


def flags(page: dict[str, Any]) -> tuple[bool, bool]:
    return page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]


def cursor(node_id: str) -> str:
    return base64.b64encode(node_id.encode()).decode()


@pytest.fixture
async def crowd(alice: Person) -> list[str]:
    """Six end users, in the order of a list."""
    return sorted([await create_user(alice, f"user {number}") for number in range(6)])


async def test_without_a_good_token_graphql_is_refused_like_everything_else(alice: Person, bob: Person) -> None:
    await ask(alice, REMOVE, id=(await bob.get("/v1/me")).json["id"])

    for person in (alice.without_token(), bob):
        for body in (b'{"query": "{ __typename }"}', b"nonsense", b"[]"):
            answer = await person.send("POST", ADDRESS, body)
            assert (answer.status, answer.body) == (401, b'{"message":"The request is unauthorized"}')


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD"])
async def test_only_post_is_taken_and_browsers_of_other_pages_are_not_let_in(alice: Person, method: str) -> None:
    answer = await alice.send(method, f"{ADDRESS}?query=%7B__typename%7D", headers={"Origin": "https://example.com"})

    assert answer.status == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_a_question_is_read_by_its_content_whatever_it_is_labelled(alice: Person) -> None:
    for label in ("text/plain", "application/x-www-form-urlencoded", "application/graphql"):
        answer = await alice.send("POST", ADDRESS, b'{"query": "{ __typename }"}', {"Content-Type": label})

        assert answer.json == {"data": {"__typename": "Query"}}


async def test_one_of_several_operations_is_chosen_by_its_name(alice: Person) -> None:
    document = "query Me { viewer { details { name } } } query Nothing { __typename }"

    assert (await send(alice, document, operation_name="Nothing")).json == {"data": {"__typename": "Query"}}
    assert (await send(alice, document, operation_name="Me")).json["data"]["viewer"]["details"]["name"] == "alice"
    error = await problem(alice, document)
    assert error["message"] == "The document has more than one operation; say which with operationName"


def test_a_hub_that_is_not_asked_does_not_load_what_answers() -> None:
    script = "import sys, jackfield_hub.server; print('strawberry' in sys.modules, 'graphql' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "False False\n"


async def test_the_first_that_fails_is_the_last(alice: Person) -> None:
    create = 'createExternalUser(input: {name: "N", externalUserId: "%s"}) { userId }'
    document = f"mutation {{ a: {create % 'a'} again: {create % 'a'} b: {create % 'b'} }}"

    error = await problem(alice, document)

    assert (error["path"], error["extensions"]["code"]) == (["again"], "user_already_exists")
    assert len(ids(await page(alice, criteria={"externalUserId": "a"}))) == 1
    assert ids(await page(alice, criteria={"externalUserId": "b"})) == []


async def test_users_are_found_by_all_that_is_said(alice: Person) -> None:
    tester = (
        await ask(
            alice,
            'mutation { createExternalUser(input: {name: "pam", externalUserId: "t", isTestUser: true}) { userId } }',
        )
    )["createExternalUser"]["userId"]
    pam = await create_user(alice, "pam")

    assert ids(await page(alice, criteria={"name": "pam"})) == sorted([tester, pam])
    assert ids(await page(alice, criteria={"name": "pam", "isTestUser": True})) == [tester]
    assert ids(await page(alice, criteria={"isTestUser": False})) == [pam]
    assert ids(await page(alice, criteria={"userId": pam, "externalUserId": "t"})) == []
    assert ids(await page(alice, criteria={})) == sorted([tester, pam])
    assert ids(await page(alice, criteria={"name": "PAM"})) == []


async def test_a_user_is_changed(alice: Person) -> None:
    user_id = await create_user(alice, "pam")
    change = """mutation($id: ID!, $test: Boolean) {
      updateExternalUser(input: {userId: $id, isTestUser: $test}) { user { id name externalUserId isTestUser } }
    }"""

    for said, is_test in ((True, True), (None, True), (False, False)):
        changed = (await ask(alice, change, id=user_id, test=said))["updateExternalUser"]["user"]
        assert changed == {"id": user_id, "name": "pam", "externalUserId": "pam", "isTestUser": is_test}


async def test_pages_are_cut_from_both_ends(alice: Person, crowd: list[str]) -> None:
    a, b, c, d, e, f = crowd

    for variables, expected, around in (
        ({"first": 2}, [a, b], (False, True)),
        ({"last": 2}, [e, f], (True, False)),
        ({"first": 6}, crowd, (False, False)),
        ({"first": 0}, [], (False, True)),
        ({"last": 0}, [], (True, False)),
        ({"first": 4, "last": 2}, [c, d], (True, True)),
        ({"first": 4, "last": 0}, [], (True, True)),
        ({"after": cursor(b)}, [c, d, e, f], (True, False)),
        ({"before": cursor(c)}, [a, b], (False, True)),
        ({"first": 1, "after": cursor(b)}, [c], (True, True)),
        ({"last": 1, "before": cursor(c)}, [b], (True, True)),
        ({"first": 9, "after": cursor(a), "before": cursor(d)}, [b, c], (True, True)),
        ({"after": cursor(f)}, [], (True, False)),
        ({"before": cursor(a)}, [], (False, True)),
    ):
        found = await page(alice, **variables)
        assert (ids(found), flags(found)) == (expected, around), variables


async def test_an_empty_page_has_no_cursors(alice: Person) -> None:
    assert (await page(alice))["pageInfo"] == {
        "hasNextPage": False,
        "endCursor": None,
        "hasPreviousPage": False,
        "startCursor": None,
    }


async def test_whoever_removes_what_a_page_shows_can_go_on_from_its_cursor(alice: Person, crowd: list[str]) -> None:
    removed: list[str] = []
    after = None
    while len(found := (await page(alice, first=2, after=after))["edges"]) > 0:
        for edge in found:
            await ask(alice, REMOVE, id=edge["node"]["id"])
            removed.append(edge["node"]["id"])
        after = found[-1]["cursor"]

    assert removed == crowd
    assert ids(await page(alice)) == []


async def test_auths_are_paged_like_users(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://example.com", sign_in='ApiKey("X-Key")')
    environment = (await alice.get("/core/v1/services/shop/versions/1/environments")).json["elements"][0]["id"]
    stored = sorted(
        [
            (
                await alice.post(
                    "/core/v1/authentications",
                    {"name": f"auth {number}", "serviceEnvironmentId": environment, "credentials": {"apiKey": "k"}},
                )
            ).json["id"]
            for number in range(4)
        ]
    )
    document = """query($first: Int, $after: String, $last: Int, $before: String) { viewer {
      authentications(first: $first, after: $after, last: $last, before: $before) {
        edges { node { id } cursor } pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
      }
    } }"""

    for variables, expected, around in (
        ({}, stored, (False, False)),
        ({"first": 3}, stored[:3], (False, True)),
        ({"last": 3}, stored[1:], (True, False)),
        ({"first": 3, "last": 1}, stored[2:3], (True, True)),
        ({"first": 1, "after": cursor(stored[1])}, stored[2:3], (True, True)),
        ({"last": 1, "before": cursor(stored[1])}, stored[:1], (False, True)),
        ({"after": cursor(stored[0]), "before": cursor(stored[3])}, stored[1:3], (True, True)),
        ({"first": 0}, [], (False, True)),
    ):
        found = (await ask(alice, document, **variables))["viewer"]["authentications"]
        assert (ids(found), flags(found)) == (expected, around), variables


async def test_a_token_and_a_code_say_when_they_end(hub: Hub, alice: Person) -> None:
    user_id = await create_user(alice, "pam")
    began = hub.clock()
    document = """mutation($id: ID!) {
      authorize(input: {userId: $id}) { expiresAt }
      generateAuthorizationCode(input: {userId: $id}) { expiresAt }
    }"""

    made = await ask(alice, document, id=user_id)

    for name, seconds in (("authorize", 2 * 24 * 3600), ("generateAuthorizationCode", 300)):
        ends = datetime.fromisoformat(made[name]["expiresAt"]).timestamp()
        assert began + seconds <= ends <= began + seconds + 60


async def test_codes_and_tokens_are_stored_as_hashes_only(hub: Hub, alice: Person) -> None:
    user_id = await create_user(alice, "pam")
    document = """mutation($id: ID!) {
      authorize(input: {userId: $id}) { accessToken }
      generateAuthorizationCode(input: {userId: $id}) { authorizationCode }
    }"""

    made = await ask(alice, document, id=user_id)

    stored = all_that_is_stored(hub.settings)
    assert made["authorize"]["accessToken"].encode() not in stored
    assert made["generateAuthorizationCode"]["authorizationCode"].encode() not in stored


async def test_credentials_for_another_services_environment_are_not_taken(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://example.com", sign_in='ApiKey("X-Key")')
    environment = (await alice.get("/core/v1/services/shop/versions/1/environments")).json["elements"][0]["id"]
    store = """mutation($service: String!, $environment: String!, $data: Json!) {
      createUserAuthentication(input: {
        name: "Mine", serviceId: $service, serviceEnvironmentId: $environment, data: $data, scopes: []
      }) { authenticationId }
    }"""
    [connector] = (await alice.get("/core/v1/connectors")).json["elements"]
    service = connector["service"]["id"]

    for known in (str(uuid.uuid4()), "nonsense", environment):
        said = {"service": known, "environment": environment, "data": {"apiKey": "k"}}
        assert await code(alice, store, **said) == "resource_does_not_exist"
    assert await code(alice, store, service=service, environment=service, data={}) == "resource_does_not_exist"
    error = await problem(alice, store, service=service, environment=environment, data={"apiKey": 5})
    assert error["extensions"] | {"time_thrown": ""} == {
        "name": "GraphQLError",
        "code": "invalid_input",
        "time_thrown": "",
    }
    assert "#/apiKey: expected type: String, found: Integer" in error["message"]


class TestCalls:
    """Calls through GraphQL are calls like any other."""

    @pytest.fixture(autouse=True)
    async def _shop(self, hub: Hub, alice: Person) -> None:
        await put_in_place(hub, alice.organization_id, "http://127.0.0.1:9")

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"graphql_seconds": 1.0, "max_calls_at_once": 1, "queue_seconds": 0.0})

    async def tasks(self, person: Person) -> int:
        return (await person.get("/v1/usage")).json["tasks"]

    async def test_a_call_that_fails_is_a_result_and_one_task(self, alice: Person) -> None:
        ended = (await ask(alice, CALL, operation="stumble"))["callConnector"]

        assert ended["outcome"] == "error"
        assert json.loads(ended["output"])["code"]
        assert await self.tasks(alice) == 1

    async def test_every_call_of_a_document_is_a_task_and_a_refused_one_is_none(self, alice: Person) -> None:
        wait = 'callConnector(input: {connector: "shop", version: "1.0", operation: "wait", input: "%s"}) { outcome }'
        good, bad = wait % '{\\"seconds\\": 0}', wait % "{}"

        done = await ask(alice, f"mutation {{ a: {good} b: {good} c: {good} }}")
        error = await problem(alice, f"mutation {{ a: {good} b: {bad} c: {good} }}")

        assert done == {name: {"outcome": "success"} for name in "abc"}
        assert error["path"] == ["b"]
        assert error["extensions"]["code"] == "invalid_input"
        assert "#: required key [seconds] not found" in error["message"]
        assert await self.tasks(alice) == 4

    async def test_a_call_may_take_longer_than_a_document(self, alice: Person) -> None:
        ended = await ask(alice, CALL, operation="wait", given='{"seconds": 1.5}')

        assert ended == {"callConnector": {"outcome": "success", "output": "{}"}}

    async def test_calls_share_their_places_with_those_of_rest(self, hub: Hub, alice: Person) -> None:
        address = "/core/v1/connectors/shop/versions/1.0/call"
        waiting = asyncio.create_task(alice.post(address, {"operation": "wait", "input": {"seconds": 1}}))
        while not hub.running_calls:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

        error = await problem(alice, CALL, operation="wait", given='{"seconds": 0}')

        assert error["extensions"]["code"] == "unavailable"
        assert error["message"] == "The hub runs as many calls as it may; call again in a moment"
        assert (await waiting).json["outcome"] == "success"
        assert hub.running_calls == 0
        assert await self.tasks(alice) == 1

    async def test_private_and_unknown_operations_are_not_found(self, alice: Person, charlie: Person) -> None:
        for operation in ("#token_request", "dance"):
            error = await problem(alice, CALL, operation=operation)
            assert error["message"] == f"The connector operation {operation} was not found"
            assert error["extensions"]["code"] == "resource_does_not_exist"
        assert await code(charlie, CALL, operation="wait", given='{"seconds": 0}') == "resource_does_not_exist"


async def test_an_external_id_is_an_organizations_own(alice: Person, charlie: Person) -> None:
    mine, theirs = await create_user(alice, "pam"), await create_user(charlie, "pam")

    assert ids(await page(alice)) == [mine]
    assert ids(await page(charlie)) == [theirs]
    assert ids(await page(charlie, after=cursor(mine), criteria={"userId": mine})) == []
