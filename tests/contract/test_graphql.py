"""Checks 30 and 32 to 39 of the public contract: GraphQL."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import replace
from typing import Any, cast

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    IntrospectionQuery,
    build_client_schema,
    get_introspection_query,
)

from jackfield_hub.errors import Unauthorized
from jackfield_hub.hub import Hub
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.end_users import service as end_users
from tests.contract.conftest import Shop, create_auth
from tests.hub.graphql import ask, code, create_user, problem, send
from tests.hub.people import Person

DAY_SECONDS = 24 * 3600.0
CREATE = "mutation($input: CreateExternalUserInput!) { createExternalUser(input: $input) { userId clientMutationId } }"
AUTHORIZE = "mutation($id: ID!) { authorize(input: {userId: $id}) { accessToken } }"
CODE = "mutation($id: ID!) { generateAuthorizationCode(input: {userId: $id}) { authorizationCode } }"
REMOVE = "mutation($id: ID!) { removeExternalUser(input: {userId: $id}) { clientMutationId } }"
USERS = """query($criteria: UserSearchCriteria, $first: Int, $after: String, $last: Int, $before: String) {
  users(criteria: $criteria, first: $first, after: $after, last: $last, before: $before) {
    edges { node { id name externalUserId isTestUser } cursor }
    pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
  }
}"""
AUTHS = """{ viewer { authentications {
  edges { node { id name customFields service { id name icon title version } serviceEnvironment { id title } } }
  pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
} } }"""
STORE = """mutation($input: CreateUserAuthenticationInput!) {
  createUserAuthentication(input: $input) { authenticationId clientMutationId }
}"""


async def auths_of(person: Person) -> list[dict[str, Any]]:
    connection = (await ask(person, AUTHS))["viewer"]["authentications"]
    return [edge["node"] for edge in connection["edges"]]


async def names(person: Person, **variables: Any) -> list[str]:
    return [edge["node"]["name"] for edge in (await ask(person, USERS, **variables))["users"]["edges"]]


async def as_user(person: Person, user_id: str) -> Person:
    token = (await ask(person, AUTHORIZE, id=user_id))["authorize"]["accessToken"]
    return replace(person, token=token, api_token="")


def of_type(schema: GraphQLSchema, name: str) -> dict[str, Any]:
    """Return the fields of a type of inputs."""
    found = schema.type_map[name]
    assert isinstance(found, GraphQLInputObjectType)
    return dict(found.fields)


async def test_check_30_the_schema_can_be_asked_for_and_has_the_documented_types(alice: Person):
    everything = get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )

    schema = build_client_schema(cast("IntrospectionQuery", await ask(alice, everything)))

    assert {"ExternalUser", "Authentication", "Service", "UserDetails", "Node", "User", "Json", "DateTime"} <= set(
        schema.type_map
    )
    assert {directive.name for directive in schema.directives} >= {"include", "skip", "deprecated"}
    for name, of in {
        "CreateExternalUserInput": {"name": "String!", "externalUserId": "String!", "isTestUser": "Boolean"},
        "RemoveExternalUserInput": {"userId": "ID!"},
        "AuthorizeInput": {"userId": "ID!"},
        "GenerateAuthorizationCodeInput": {"userId": "ID!"},
        "CreateUserAuthenticationInput": {
            "name": "String!",
            "serviceId": "String!",
            "serviceEnvironmentId": "String!",
            "data": "Json!",
            "scopes": "[String!]!",
            "hidden": "Boolean",
        },
        "RemoveUserAuthenticationInput": {"authenticationId": "ID!"},
        "CallConnectorInput": {
            "connector": "String!",
            "version": "String!",
            "operation": "String!",
            "authId": "String",
            "input": "String",
        },
    }.items():
        fields = {field: str(about.type) for field, about in of_type(schema, name).items()}
        assert fields == {**of, "clientMutationId": "String"}
    criteria = of_type(schema, "UserSearchCriteria")
    assert {name: str(field.type) for name, field in criteria.items()} == {
        "userId": "String",
        "externalUserId": "String",
        "name": "String",
        "isTestUser": "Boolean",
    }


async def test_check_30_the_name_of_the_type_is_answered_on_every_level(alice: Person):
    await create_user(alice, "dwight")

    found = await ask(
        alice,
        """{ __typename
          users { __typename edges { __typename node { __typename } } pageInfo { __typename } }
          viewer { __typename details { __typename } authentications { __typename pageInfo { __typename } } }
        }""",
    )

    assert found == {
        "__typename": "Query",
        "users": {
            "__typename": "UserConnection",
            "edges": [{"__typename": "UserEdge", "node": {"__typename": "ExternalUser"}}],
            "pageInfo": {"__typename": "PageInfo"},
        },
        "viewer": {
            "__typename": "Viewer",
            "details": {"__typename": "UserDetails"},
            "authentications": {"__typename": "AuthenticationConnection", "pageInfo": {"__typename": "PageInfo"}},
        },
    }


async def test_check_32_a_user_is_made_found_let_in_and_asked_at_once(shop: Shop):
    made = await ask(shop.owner, CREATE, input={"name": "Dwight", "externalUserId": "d-1", "isTestUser": True})
    user_id = made["createExternalUser"]["userId"]

    found = await ask(shop.owner, USERS, criteria={"externalUserId": "d-1"})
    dwight = await as_user(shop.owner, user_id)

    assert [edge["node"] for edge in found["users"]["edges"]] == [
        {"id": user_id, "name": "Dwight", "externalUserId": "d-1", "isTestUser": True}
    ]
    assert await auths_of(dwight) == []
    auth_id = await create_auth(dwight, shop.third_party)
    assert [auth["id"] for auth in await auths_of(dwight)] == [auth_id]


async def test_check_33_an_external_id_that_is_taken_is_said_so(alice: Person):
    await create_user(alice, "dwight")

    answer = await send(alice, CREATE, {"input": {"name": "Another", "externalUserId": "dwight"}})

    assert answer.status == 200
    assert answer.json["data"] is None
    [error] = answer.json["errors"]
    assert error["extensions"]["name"] == "PreconditionError"
    assert error["extensions"]["code"] == "user_already_exists"
    assert error["path"] == ["createExternalUser"]
    assert error["locations"] == [{"line": 1, "column": 46}]
    assert error["extensions"]["time_thrown"].endswith("Z")


@pytest.mark.parametrize(
    "document",
    [
        "{ users { edges { node { id } } } }",
        'mutation { createExternalUser(input: {name: "E", externalUserId: "e"}) { userId } }',
    ],
)
async def test_check_34_users_and_programs_do_not_see_or_make_users(alice: Person, bob: Person, document: str):
    for person in (bob, alice.program):
        assert await code(person, document) == "access_not_allowed"


async def test_check_34_an_end_users_auths_are_not_anothers(shop: Shop, bob: Person, ann: Person):
    bobs = await create_auth(bob, shop.third_party)
    remove = "mutation($id: ID!) { removeAuthentication(input: {authenticationId: $id}) { clientMutationId } }"

    assert [auth["id"] for auth in await auths_of(bob)] == [bobs]
    assert await auths_of(ann) == []
    assert [auth["id"] for auth in await auths_of(shop.owner)] == [shop.auth_id]
    for other in (ann, shop.owner):
        assert await code(other, remove, id=bobs) == "access_not_allowed"


async def test_check_29_an_auth_made_by_rest_is_listed_and_usable(shop: Shop, bob: Person):
    auth_id = await create_auth(bob, shop.third_party)

    [auth] = await auths_of(bob)

    [connector] = (await bob.get("/core/v1/connectors")).json["elements"]
    assert auth["id"] == auth_id
    assert (auth["name"], auth["customFields"]) == ("The shop", {})
    assert (auth["service"]["name"], auth["service"]["version"]) == ("shop", "4")
    assert auth["service"]["id"] == connector["service"]["id"]
    assert isinstance(auth["service"]["icon"], str)
    assert auth["serviceEnvironment"]["title"] == "Production"
    answer = await bob.post(
        "/core/v1/connectors/shop/versions/1.0/call",
        {"operation": "send_message", "input": {"channel": "alpha"}, "authId": auth["id"]},
    )
    assert answer.json["outcome"] == "success"


async def test_check_35_the_clients_mutation_id_comes_back(alice: Person):
    sent = await ask(alice, CREATE, input={"name": "A", "externalUserId": "a", "clientMutationId": "m-1"})
    silent = await ask(alice, CREATE, input={"name": "B", "externalUserId": "b"})

    assert sent["createExternalUser"]["clientMutationId"] == "m-1"
    assert silent["createExternalUser"]["clientMutationId"] is None
    removal = """mutation($id: ID!, $mine: String) {
      removeExternalUser(input: {userId: $id, clientMutationId: $mine}) { clientMutationId }
    }"""
    for person, mine in ((sent, "m-2"), (silent, None)):
        gone = await ask(alice, removal, id=person["createExternalUser"]["userId"], mine=mine)
        assert gone == {"removeExternalUser": {"clientMutationId": mine}}


async def test_check_36_five_users_are_two_and_two_and_one(alice: Person):
    made = {await create_user(alice, f"user {number}") for number in range(5)}

    pages: list[dict[str, Any]] = []
    after = None
    for _ in range(3):
        pages.append((await ask(alice, USERS, first=2, after=after))["users"])
        after = pages[-1]["pageInfo"]["endCursor"]

    assert [len(page["edges"]) for page in pages] == [2, 2, 1]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, True, False]
    assert [page["pageInfo"]["hasPreviousPage"] for page in pages] == [False, True, True]
    edges = [edge for page in pages for edge in page["edges"]]
    assert {edge["node"]["id"] for edge in edges} == made
    assert all(base64.b64decode(edge["cursor"]).decode() == edge["node"]["id"] for edge in edges)
    for page in pages:
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
    assert (await ask(alice, USERS))["users"]["edges"] == edges
    assert [edge["node"]["id"] for edge in (await ask(alice, USERS, last=2))["users"]["edges"]] == [
        edge["node"]["id"] for edge in edges[-2:]
    ]
    before = await ask(alice, USERS, last=2, before=edges[3]["cursor"])
    assert before["users"]["edges"] == edges[1:3]
    assert before["users"]["pageInfo"]["hasPreviousPage"] is True
    assert before["users"]["pageInfo"]["hasNextPage"] is True


@pytest.mark.parametrize("as_text", [True, False])
async def test_check_37_credentials_are_taken_as_text_and_as_an_object(shop: Shop, bob: Person, as_text: bool):
    environment = (await bob.get("/core/v1/services/shop/versions/4/environments")).json["elements"][0]
    [connector] = (await bob.get("/core/v1/connectors")).json["elements"]
    data = {"server": shop.third_party.url, "apiKey": "the key of the shop"}

    stored = await ask(
        bob,
        STORE,
        input={
            "name": "Mine",
            "serviceId": connector["service"]["id"],
            "serviceEnvironmentId": environment["id"],
            "data": json.dumps(data) if as_text else data,
            "scopes": [],
            "hidden": False,
        },
    )

    auth_id = stored["createUserAuthentication"]["authenticationId"]
    assert str(uuid.UUID(auth_id)) == auth_id
    answer = await bob.post(
        "/core/v1/connectors/shop/versions/1.0/call",
        {"operation": "send_message", "input": {"channel": "alpha"}, "authId": auth_id},
    )
    assert answer.json["outcome"] == "success"
    assert shop.third_party.asked == ["POST /messages/alpha the key of the shop"]


async def test_check_38_a_removed_user_is_gone_with_tokens_and_auths(shop: Shop):
    user_id = await create_user(shop.owner, "dwight")
    dwight = await as_user(shop.owner, user_id)
    auth_id = await create_auth(dwight, shop.third_party)
    assert len(await auths_of(dwight)) == 1

    await ask(shop.owner, REMOVE, id=user_id)

    answer = await send(dwight, AUTHS)
    assert (answer.status, answer.json) == (401, {"message": "The request is unauthorized"})
    assert await names(shop.owner, criteria={"externalUserId": "dwight"}) == []
    assert await names(shop.owner, criteria={"userId": user_id}) == []
    assert await code(shop.owner, AUTHORIZE, id=user_id) == "user_does_not_exist"
    assert await code(shop.owner, REMOVE, id=user_id) == "user_does_not_exist"
    again = await as_user(shop.owner, await create_user(shop.owner, "dwight"))
    assert await auths_of(again) == []
    assert (await again.get(f"/core/v1/authentications/{auth_id}")).status == 404


async def test_check_39_a_user_token_is_good_for_two_days(hub: Hub, alice: Person):
    began = hub.clock()
    user_id = await create_user(alice, "dwight")
    young, old = await as_user(alice, user_id), await as_user(alice, user_id)

    hub.clock = lambda: began + 2 * DAY_SECONDS - 60
    assert (await ask(young, "{ viewer { details { name } } }"))["viewer"]["details"]["name"] == "dwight"

    hub.clock = lambda: began + 2 * DAY_SECONDS + 60
    answer = await send(old, "{ viewer { details { name } } }")
    assert (answer.status, answer.json) == (401, {"message": "The request is unauthorized"})


async def test_check_39_a_code_lets_in_once_and_for_five_minutes(hub: Hub, alice: Person):
    began = hub.clock()
    user_id = await create_user(alice, "dwight")
    codes = [(await ask(alice, CODE, id=user_id))["generateAuthorizationCode"]["authorizationCode"] for _ in range(2)]

    hub.clock = lambda: began + 5 * 60 - 5
    assert (await end_users.redeem_code(hub, codes[0])).user_id == user_id
    with pytest.raises(Unauthorized):
        await end_users.redeem_code(hub, codes[0])

    hub.clock = lambda: began + 5 * 60 + 5
    with pytest.raises(Unauthorized):
        await end_users.redeem_code(hub, codes[1])


async def test_check_42_the_administrators_user_name_can_have_a_code(hub: Hub, alice: Person):
    me = (await alice.get("/v1/me")).json

    made = await ask(alice, CODE, id=me["username"])

    caller = await end_users.redeem_code(hub, made["generateAuthorizationCode"]["authorizationCode"])
    owner = await identity.identify(hub, f"Bearer {alice.token}")
    assert (caller.organization_id, caller.kind, caller.user_id) == (owner.organization_id, owner.kind, None)


async def test_an_operation_is_called_and_its_output_is_text(shop: Shop):
    before = await shop.count_tasks()

    answered = await ask(
        shop.owner,
        """mutation($auth: String!) {
          sent: callConnector(input: {
            connector: "shop", version: "1.0", operation: "send_message", authId: $auth,
            input: "{\\"channel\\": \\"alpha\\"}"
          }) { output }
        }""",
        auth=shop.auth_id,
    )

    assert json.loads(answered["sent"]["output"]) == {"ts": "1700000000.1", "channel": "alpha"}
    assert await shop.count_tasks() == before + 1


async def test_an_operation_nobody_knows_is_said_so(shop: Shop):
    error = await problem(
        shop.owner,
        'mutation { callConnector(input: {connector: "shop", version: "1.0", operation: "dance"}) { output } }',
    )

    assert error["message"] == "The connector operation dance was not found"
    assert error["extensions"]["code"] == "resource_does_not_exist"
