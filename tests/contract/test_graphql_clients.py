"""Check 31 of the public contract: what the published clients send is understood, as they send it.

A shop window (Apollo Client: `operationName` null, `__typename` everywhere), a marketplace (graphql-request: named
operations with typed variables), and the form builder's proxy (no variables at all).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Shop, create_auth
from tests.hub.graphql import ask, create_user
from tests.hub.people import Person

APOLLO = {
    "me": "{ viewer { details { username email name __typename } __typename } }",
    "auths": """{
      viewer {
        authentications {
          edges {
            node { id name customFields service { id name icon title version __typename } __typename }
            __typename
          }
          __typename
        }
        __typename
      }
    }""",
    "username of": """{
      users(criteria: {externalUserId: "dwight"}) {
        edges { node { id name externalUserId __typename } __typename }
        __typename
      }
    }""",
    "authorize": """mutation ($userId: ID!) {
      authorize(input: {userId: $userId}) { accessToken __typename }
    }""",
    "authorization code": """mutation ($userId: ID!) {
      generateAuthorizationCode(input: {userId: $userId}) { authorizationCode __typename }
    }""",
    "create": """mutation ($externalUserId: String!, $name: String!) {
      createExternalUser(input: {externalUserId: $externalUserId, name: $name}) { userId __typename }
    }""",
}

MARKETPLACE = {
    "page of users": """query allUsers($count: Int, $after: String) {
      users(first: $count, after: $after) {
        edges { cursor node { id name externalUserId } }
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
      }
    }""",
    "one user": """query getUser($externalUserId: String!) {
      users(criteria: {externalUserId: $externalUserId}) { edges { node { id name externalUserId } } }
    }""",
    "createUser": """mutation createUser($name: String!, $externalUserId: String!) {
      createExternalUser(input: {name: $name, externalUserId: $externalUserId}) { userId }
    }""",
    "createUserToken": """mutation createUserToken($userId: ID!, $clientMutationId: String) {
      authorize(input: {userId: $userId, clientMutationId: $clientMutationId}) { accessToken clientMutationId }
    }""",
    "createAuthorizationCode": """mutation createAuthorizationCode($userId: ID!) {
      generateAuthorizationCode(input: {userId: $userId}) { authorizationCode }
    }""",
    "delete": """mutation delete($userId: ID!) {
      removeExternalUser(input: {userId: $userId}) { clientMutationId }
    }""",
}

FORM_BUILDER = {
    "users": """query {
      users {
        edges { node { name id externalUserId isTestUser } cursor }
        pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
      }
    }""",
    "auths": """query {
      viewer {
        authentications {
          edges {
            node { id name customFields service { id name icon title version } serviceEnvironment { id title } }
          }
        }
      }
    }""",
}


async def post(person: Person, body: dict[str, Any]) -> dict[str, Any]:
    answer = await person.post("/graphql", body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert "errors" not in answer.json, answer.json
    return answer.json["data"]


async def apollo(person: Person, query: str, **variables: Any) -> dict[str, Any]:
    return await post(person, {"operationName": None, "variables": variables, "query": APOLLO[query]})


async def test_check_31_the_shop_window_logs_its_user_in(shop: Shop, bob: Person):
    user_id = (await apollo(shop.owner, "create", externalUserId="dwight", name="Dwight"))["createExternalUser"][
        "userId"
    ]
    await create_auth(bob, shop.third_party)

    token = await apollo(shop.owner, "authorize", userId=user_id)
    entry = await apollo(shop.owner, "authorization code", userId=user_id)
    found = await apollo(shop.owner, "username of")
    me = await apollo(bob, "me")
    auths = await apollo(bob, "auths")

    assert token["authorize"]["__typename"] == "AuthorizePayload"
    assert entry["generateAuthorizationCode"]["authorizationCode"]
    assert found["users"]["edges"] == [
        {
            "node": {"id": user_id, "name": "Dwight", "externalUserId": "dwight", "__typename": "ExternalUser"},
            "__typename": "UserEdge",
        }
    ]
    details = me["viewer"]["details"]
    assert (details["name"], details["email"], details["__typename"]) == ("bob", "", "UserDetails")
    assert details["username"] == (await bob.get("/v1/me")).json["username"]
    [edge] = auths["viewer"]["authentications"]["edges"]
    assert edge["node"]["service"] | {"id": ""} == {
        "id": "",
        "name": "shop",
        "icon": "",
        "title": "Shop",
        "version": "4",
        "__typename": "Service",
    }


async def test_check_31_the_marketplace_makes_a_user_turns_pages_and_deletes(alice: Person):
    made = await ask(alice, MARKETPLACE["createUser"], name="Dwight", externalUserId="dwight")
    user_id = made["createExternalUser"]["userId"]
    await create_user(alice, "pam")

    first = (await ask(alice, MARKETPLACE["page of users"], count=1))["users"]
    second = (await ask(alice, MARKETPLACE["page of users"], count=1, after=first["pageInfo"]["endCursor"]))["users"]
    found = await ask(alice, MARKETPLACE["one user"], externalUserId="dwight")
    token = await ask(alice, MARKETPLACE["createUserToken"], userId=user_id)
    entry = await ask(alice, MARKETPLACE["createAuthorizationCode"], userId=user_id)
    gone = await ask(alice, MARKETPLACE["delete"], userId=user_id)
    empty = await ask(alice, MARKETPLACE["one user"], externalUserId="dwight")

    assert {page["edges"][0]["node"]["name"] for page in (first, second)} == {"Dwight", "pam"}
    assert found["users"]["edges"] == [{"node": {"id": user_id, "name": "Dwight", "externalUserId": "dwight"}}]
    assert token["authorize"]["accessToken"].startswith("jf_user_")
    assert entry["generateAuthorizationCode"]["authorizationCode"]
    assert gone == {"removeExternalUser": {"clientMutationId": None}}
    assert empty == {"users": {"edges": []}}


@pytest.mark.parametrize("name", FORM_BUILDER)
async def test_check_31_the_form_builder_asks_without_variables(alice: Person, name: str):
    data = await post(alice, {"query": FORM_BUILDER[name]})

    assert data.keys() == {"users" if name == "users" else "viewer"}


async def test_check_31_one_value_is_taken_for_a_list_of_one(shop: Shop):
    environment = (await shop.owner.get("/core/v1/services/shop/versions/4/environments")).json["elements"][0]
    [connector] = (await shop.owner.get("/core/v1/connectors")).json["elements"]

    made = await ask(
        shop.owner,
        """mutation($service: String!, $environment: String!, $data: Json!) {
          createUserAuthentication(input: {
            name: "One", serviceId: $service, serviceEnvironmentId: $environment, data: $data, scopes: "read"
          }) { authenticationId }
        }""",
        service=connector["service"]["id"],
        environment=environment["id"],
        data={"server": shop.third_party.url, "apiKey": "k"},
    )

    auth_id = made["createUserAuthentication"]["authenticationId"]
    assert (await shop.owner.get(f"/core/v1/authentications/{auth_id}")).json["scopes"] == ["read"]
