"""Check 41 of the public contract: the form builder's whole visit, call by call, in its order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.contract.conftest import Shop, create_auth
from tests.hub.people import Person

LIST_USERS = (
    "query { users { edges { node { name id externalUserId isTestUser } cursor } pageInfo { hasNextPage endCursor } } }"
)
LIST_AUTHS = """query { viewer { authentications { edges { node {
  id name customFields service { id name icon title version } serviceEnvironment { id title }
} } } } }"""


async def graphql(person: Person, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await person.post("/graphql", {"query": query, "variables": variables})
    assert answer.status == 200
    return answer.json["data"]


async def test_check_41_the_form_builder_goes_all_the_way(shop: Shop):
    master = shop.owner

    # Who is the administrator, and which users are there?
    admin = (await master.get("/v1/me")).json["username"]
    assert (await graphql(master, LIST_USERS))["users"]["edges"] == []

    # "Create new user", then choose it.
    made = await graphql(
        master,
        """mutation ($name: String!, $externalUserId: String!, $isTestUser: Boolean) {
          createExternalUser(input: {name: $name, externalUserId: $externalUserId, isTestUser: $isTestUser}) { userId }
        }""",
        {"name": "Dwight", "externalUserId": "d-1", "isTestUser": True},
    )
    [edge] = (await graphql(master, LIST_USERS))["users"]["edges"]
    assert edge["node"]["id"] == made["createExternalUser"]["userId"]
    assert edge["node"]["isTestUser"] is True
    authorized = await graphql(
        master,
        "mutation ($userId: ID!) { authorize(input: {userId: $userId}) { accessToken } }",
        {"userId": edge["node"]["id"]},
    )
    user = replace(master, token=authorized["authorize"]["accessToken"])

    # Which connectors, versions and operations are there?
    connectors = (await user.get("/core/v1/connectors")).json["elements"]
    [connector] = [one for one in connectors if (one["name"], one["version"]) == ("shop", "1.0")]
    path = f"/core/v1/connectors/{connector['name']}/versions/{connector['version']}"
    operations = (await user.get(f"{path}/operations")).json["elements"]
    [operation] = [one for one in operations if one["name"] == "send_message"]

    # No auth yet: an environment is picked and the dialog is opened with a code.
    assert auths_for(connector, await graphql(user, LIST_AUTHS)) == []
    service = connector["service"]
    environments = (
        await user.get(f"/core/v1/services/{service['name']}/versions/{service['version']}/environments")
    ).json
    assert [scope["scope"] for scope in environments["elements"][0]["scopes"]] == []
    for user_id in (edge["node"]["id"], admin):
        entry = await graphql(
            master,
            "mutation ($userId: ID!) { generateAuthorizationCode(input: {userId: $userId}) { authorizationCode } }",
            {"userId": user_id},
        )
        assert entry["generateAuthorizationCode"]["authorizationCode"]
    auth_id = await create_auth(user, shop.third_party)  # what the dialog does in the end
    [auth] = auths_for(connector, await graphql(user, LIST_AUTHS))
    assert auth["id"] == auth_id

    # The form: its drop-downs are filled, and the dependent one after its parent.
    fields = operation["inputSchema"]["properties"]

    async def call(name: str, given: dict[str, Any]) -> Any:
        answer = await user.post(
            f"{path}/call",
            {"operation": name, "authId": auth["id"], "input": given, "returnOutputSchema": False},
        )
        assert answer.status == 200
        return answer.json

    regions = await call(fields["region"]["lookup"]["operation"], {})
    region = regions["output"]["result"][1]["value"]
    lookup = fields["channel"]["lookup"]
    assert lookup["input"] == {"region": "{{{region}}}"}
    channels = await call(lookup["operation"], {"region": region})
    channel = channels["output"]["result"][0]["value"]

    # Submit.
    done = await call("send_message", {"region": region, "channel": channel, "text": "Hello"})
    assert done == {"outcome": "success", "output": {"ts": "1700000000.1", "channel": "gamma"}}


async def test_check_41_without_a_chosen_auth_a_drop_down_stays_empty_and_the_form_goes_on(shop: Shop, bob: Person):
    answer = await bob.post(
        "/core/v1/connectors/shop/versions/1.0/call",
        {"operation": "list_channels", "authId": "", "input": {"region": "north"}, "returnOutputSchema": False},
    )

    assert (answer.status, answer.json["outcome"]) == (200, "error")
    assert "result" not in answer.json["output"]


async def test_check_41_a_code_for_nobody_is_an_error_the_form_can_show(alice: Person):
    answer = await alice.post(
        "/graphql",
        {"query": 'mutation { generateAuthorizationCode(input: {userId: "nobody"}) { authorizationCode } }'},
    )

    assert (answer.status, answer.json["data"]) == (200, None)
    assert answer.json["errors"][0]["message"] == "There is no end user with this id"


def auths_for(connector: dict[str, Any], listed: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the auths the form builder offers: those whose service is the connector's."""
    auths = [edge["node"] for edge in listed["viewer"]["authentications"]["edges"]]
    service = connector["service"]
    return [
        auth
        for auth in auths
        if (auth["service"]["name"], auth["service"]["version"]) == (service["name"], str(service["version"]))
    ]
