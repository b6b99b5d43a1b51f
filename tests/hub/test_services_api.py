"""Services set up by hand: hosts, sign-in, custom properties, environments with OAuth apps of their own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jackfield.auth import sign_in_to_json
from jackfield.oauth import OAuth2Code, TokenRequest
from jackfield_hub.hub import Hub
from jackfield_hub.services.declared import ServiceDiffers
from tests.hub.people import Person
from tests.hub.shop import KEY, put_in_place, third_party
from tests.hub.visitor import Visitor, code_for, link

SERVICES = "/v1/services"
ONE = "/v1/services/diary/versions/1"
SECRET = "s3cr+t/=&%? of the app"
WAY = sign_in_to_json(
    OAuth2Code(authorize_url="https://login.diary.example/ask", token_url="https://login.diary.example/token")
)

BASIC = {"kind": "basic"}


def wanted(**more: Any) -> dict[str, Any]:
    return {"name": "diary", "title": "Diary", "baseUrl": "https://api.diary.example/v1", "signIn": WAY, **more}


async def test_a_service_is_registered_listed_read_and_changed(alice: Person) -> None:
    made = await alice.post(SERVICES, wanted(hosts=["files.diary.example"], scopes=[{"scope": "read"}]))
    assert made.status == 200
    assert made.json["authenticationType"] == "oauth2"
    assert made.json["scopes"] == [{"scope": "read", "description": ""}]
    [production] = made.json["environments"]
    assert (production["title"], production["hasClientSecret"]) == ("Production", False)

    [listed] = (await alice.get(SERVICES)).json["elements"]
    assert listed == {name: made.json[name] for name in ("id", "name", "version", "title", "authenticationType")}
    assert (await alice.get(ONE)).json == made.json

    changed = await alice.put(ONE, {"title": "My diary", "baseUrl": "https://api.diary.example/v2", "signIn": WAY})
    assert changed.json["title"] == "My diary"
    assert changed.json["hosts"] == []
    assert (await alice.get(ONE)).json == changed.json


async def test_an_environment_may_sign_in_in_another_way(alice: Person) -> None:
    environments = [
        {"title": "Key", "signIn": {"kind": "api_key", "name": "X-Key"}},
        {"title": "Pair", "signIn": BASIC},
    ]
    await alice.post(SERVICES, wanted(environments=environments))

    listed = (await alice.get("/core/v1/services/diary/versions/1/environments")).json["elements"]

    asked = {one["title"]: (one["authenticationType"], list(one["credentialsSchema"]["properties"])) for one in listed}
    assert asked["Key"] == ("token", ["apiKey"])
    assert asked["Pair"] == ("token", ["username", "password"])
    assert asked["Production"][0] == "oauth2"


async def test_a_service_can_be_registered_once(alice: Person) -> None:
    await alice.post(SERVICES, wanted())

    again = await alice.post(SERVICES, wanted())

    assert (again.status, again.json["code"]) == (409, "conflict")
    assert (await alice.post(SERVICES, wanted(version=2))).status == 200


MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "a/b"}, "name"),
    ({"version": -1}, "version"),
    ({"title": ""}, "title"),
    ({"signIn": {"kind": "magic"}}, "unknown way to sign in"),
    ({"signIn": {**WAY, "token_url": "ftp://x"}}, "ftp://x"),
    ({"signIn": {**WAY, "secret": "x"}}, "no setting 'secret'"),
    ({"baseUrl": "https://user@diary.example"}, "host of a URL"),
    ({"hosts": ["*.com"]}, "too wide"),
    ({"properties": [{"key": "a b", "title": "x"}]}, "properties"),
    ({"properties": [{"key": "a", "title": "x"}] * 2}, "same key"),
    ({"colour": "red"}, "colour"),
    ({"environments": [{"title": "x", "signIn": {"nothing": 1}}]}, "nothing"),
    ({"environments": [{"title": "x", "properties": {"unknown": "1"}}]}, "unknown"),
]


async def test_what_cannot_work_is_refused_when_it_is_set_up(alice: Person) -> None:
    for change, named in MISFITS:
        answer = await alice.post(SERVICES, wanted(**change))

        assert answer.status == 400, change
        assert named in answer.json["message"]
    assert (await alice.get(SERVICES)).json == {"elements": []}


async def test_an_environment_has_its_own_app_hosts_and_scopes(alice: Person, bob: Person) -> None:
    await alice.post(SERVICES, wanted(scopes=[{"scope": "read"}]))
    sandbox = {
        "title": "Sandbox",
        "clientId": "our-app",
        "clientSecret": SECRET,
        "baseUrl": "https://{tenant}.sandbox.diary.example",
        "signIn": {"token_url": "https://login.sandbox.diary.example/token"},
        "scopes": [{"scope": "write", "description": "Write into it"}],
    }

    made = await alice.post(f"{ONE}/environments", sandbox)

    assert made.status == 200
    assert (made.json["clientId"], made.json["hasClientSecret"]) == ("our-app", True)
    assert SECRET not in made.body.decode()
    elements = (await bob.get("/core/v1/services/diary/versions/1/environments")).json["elements"]
    assert [one["title"] for one in elements] == ["Production", "Sandbox"]
    assert elements[0]["scopes"] == [{"scope": "read", "description": ""}]
    assert elements[1]["scopes"] == [{"scope": "write", "description": "Write into it"}]
    assert (elements[0]["userDataSchema"], elements[1]["userDataSchema"]["required"]) == ({}, ["tenant"])
    assert SECRET not in (await alice.get(ONE)).body.decode()


async def test_a_changed_environment_keeps_the_secrets_that_are_left_out(alice: Person) -> None:
    await alice.post(SERVICES, wanted(environments=[{"title": "Production", "clientId": "a", "clientSecret": SECRET}]))
    [production] = (await alice.get(ONE)).json["environments"]
    path = f"{ONE}/environments/{production['id']}"

    kept = (await alice.put(path, {"title": "Production", "clientId": "b"})).json
    gone = (await alice.put(path, {"title": "Production", "clientId": "b", "clientSecret": ""})).json

    assert (kept["clientId"], kept["hasClientSecret"]) == ("b", True)
    assert gone["hasClientSecret"] is False


async def test_custom_properties_are_asked_of_those_who_can_answer(alice: Person, bob: Person) -> None:
    properties = [
        {"key": "team", "title": "Team"},
        {"key": "pin", "title": "PIN", "masked": True, "required": False},
        {"key": "region", "title": "Region", "scope": "app"},
        {"key": "seal", "title": "Seal", "scope": "app", "masked": True},
    ]
    given = {"title": "Production", "properties": {"region": "eu", "seal": SECRET}}
    made = await alice.post(
        SERVICES,
        wanted(baseUrl="https://{region}.diary.example", properties=properties, environments=[given]),
    )

    assert made.json["environments"][0]["properties"] == {"region": "eu", "seal": None}
    assert SECRET not in made.body.decode()
    [element] = (await bob.get("/core/v1/services/diary/versions/1/environments")).json["elements"]
    assert element["userDataSchema"]["required"] == ["team"]
    assert element["userDataSchema"]["properties"].keys() == {"team"}
    assert element["credentialsSchema"]["properties"]["pin"]["format"] == "password"
    assert element["credentialsSchema"]["required"] == ["accessToken"]


async def test_calls_go_to_the_hosts_of_the_auths_environment(hub: Hub, alice: Person) -> None:
    async with third_party() as shop, third_party() as sandbox:
        await put_in_place(hub, alice.organization_id, shop.url, sign_in='ApiKey("X-Key")')
        one = "/v1/services/shop/versions/1"
        made = await alice.post(f"{one}/environments", {"title": "Sandbox", "baseUrl": sandbox.url})
        stored = {"name": "x", "serviceEnvironmentId": made.json["id"], "credentials": {"apiKey": KEY}}
        auth_id = (await alice.post("/core/v1/authentications", stored)).json["id"]

        answer = await alice.post(
            "/core/v1/connectors/shop/versions/1.0/call",
            {"operation": "get_product", "input": {"product_id": 3}, "authId": auth_id},
        )

        assert answer.json["output"]["signed"] is True, answer.json
        assert (shop.asked, sandbox.asked) == ([], ["GET /products/3"])


async def test_an_address_that_the_environment_gives_is_nobody_elses_to_choose(hub: Hub, alice: Person) -> None:
    async with third_party() as shop, third_party() as thief:
        server = [{"key": "server", "title": "Server", "scope": "app"}]
        given = {"title": "Production", "properties": {"server": shop.url}}
        key = {"kind": "api_key", "name": "X-Key"}
        made = await alice.post(
            SERVICES, wanted(name="shop", baseUrl="{server}", signIn=key, properties=server, environments=[given])
        )
        await put_in_place(hub, alice.organization_id, "{server}", sign_in='ApiKey("X-Key")')
        stored = {
            "name": "x",
            "serviceEnvironmentId": made.json["environments"][0]["id"],
            "userData": {"server": thief.url},
            "credentials": {"apiKey": KEY},
        }
        auth_id = (await alice.post("/core/v1/authentications", stored)).json["id"]

        answer = await alice.post(
            "/core/v1/connectors/shop/versions/1.0/call",
            {"operation": "get_product", "input": {"product_id": 3}, "authId": auth_id},
        )

        assert answer.json["output"]["signed"] is True, answer.json
        assert (shop.asked, thief.asked) == (["GET /products/3"], [])


async def test_a_service_set_up_by_hand_is_not_changed_by_a_deployment(hub: Hub, alice: Person) -> None:
    await alice.post(SERVICES, wanted(name="shop", hosts=["files.diary.example"]))

    with pytest.raises(ServiceDiffers, match=r"thief\.example"):
        await put_in_place(hub, alice.organization_id, "https://thief.example")
    await put_in_place(hub, alice.organization_id, "https://api.diary.example/v9")

    service = (await alice.get("/v1/services/shop/versions/1")).json
    assert (service["baseUrl"], service["signIn"]["kind"]) == ("https://api.diary.example/v1", "oauth2_code")


async def test_a_deployment_uses_what_somebody_has_added_to_a_service(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example", sign_in="Bearer()")
    with pytest.raises(ServiceDiffers):
        await store_and_redeploy(hub, alice)

    answer = await alice.put(
        "/v1/services/shop/versions/1",
        {
            "title": "Shop",
            "baseUrl": "https://shop.example",
            "hosts": ["new.shop.example"],
            "signIn": {"kind": "bearer"},
        },
    )

    assert answer.status == 200
    await put_in_place(hub, alice.organization_id, "https://new.shop.example", sign_in="Bearer()")


async def store_and_redeploy(hub: Hub, alice: Person) -> None:
    environments = (await alice.get("/core/v1/services/shop/versions/1/environments")).json["elements"]
    stored = {"name": "x", "serviceEnvironmentId": environments[0]["id"], "credentials": {"accessToken": "t"}}
    assert (await alice.post("/core/v1/authentications", stored)).status == 200
    await put_in_place(hub, alice.organization_id, "https://new.shop.example", sign_in="Bearer()")


async def test_another_sign_in_is_refused_while_there_are_auths(alice: Person) -> None:
    await alice.post(SERVICES, wanted(signIn={"kind": "bearer"}))
    [production] = (await alice.get(ONE)).json["environments"]
    stored = {"name": "x", "serviceEnvironmentId": production["id"], "credentials": {"accessToken": "t"}}
    auth_id = (await alice.post("/core/v1/authentications", stored)).json["id"]
    change = {"title": "Diary", "baseUrl": "https://api.diary.example", "signIn": WAY}

    refused = await alice.put(ONE, change)
    await alice.delete(f"/core/v1/authentications/{auth_id}")

    assert (refused.status, refused.json["code"]) == (409, "service_in_use")
    assert (await alice.put(ONE, change)).status == 200


async def test_end_users_see_environments_and_set_up_nothing(alice: Person, bob: Person) -> None:
    await alice.post(SERVICES, wanted())
    [production] = (await alice.get(ONE)).json["environments"]

    answers = [
        await bob.get(SERVICES),
        await bob.get(ONE),
        await bob.post(SERVICES, wanted(version=2)),
        await bob.put(ONE, {"title": "Mine"}),
        await bob.post(f"{ONE}/environments", {"title": "Mine"}),
        await bob.put(f"{ONE}/environments/{production['id']}", {"title": "Mine"}),
    ]

    assert [answer.status for answer in answers] == [403] * 6


async def test_charlie_finds_nothing_of_alices(alice: Person, charlie: Person) -> None:
    await alice.post(SERVICES, wanted())
    [production] = (await alice.get(ONE)).json["environments"]
    await charlie.post(SERVICES, wanted(version=2))

    answers = [
        await charlie.get(ONE),
        await charlie.put(ONE, {"title": "Mine"}),
        await charlie.post(f"{ONE}/environments", {"title": "Mine"}),
        await charlie.put(f"{ONE}/environments/{production['id']}", {"title": "Mine"}),
        await charlie.put(f"/v1/services/diary/versions/2/environments/{production['id']}", {"title": "Mine"}),
    ]

    assert [answer.status for answer in answers] == [404] * 5
    assert [one["version"] for one in (await charlie.get(SERVICES)).json["elements"]] == [2]


async def test_a_token_request_says_what_is_typed_in(alice: Person) -> None:
    way = sign_in_to_json(TokenRequest(fields=["user", "password"], secret_fields=["password"]))

    made = await alice.post(SERVICES, wanted(signIn=way))

    assert made.json["authenticationType"] == "oauth2client_credentials"
    elements = (await alice.get("/core/v1/services/diary/versions/1/environments")).json["elements"]
    assert elements[0]["credentialsSchema"]["required"] == ["user", "password"]


async def test_every_reference_in_the_description_of_the_api_leads_somewhere(alice: Person) -> None:
    answer = await alice.get("/openapi.json")
    known = {f"#/components/schemas/{name}" for name in answer.json["components"]["schemas"]}

    references = set(re.findall(r'"\$ref":"([^"]+)"', answer.body.decode()))

    assert "#/components/schemas/WantedEnvironment" in references
    assert references - known == set()


async def test_who_deploys_cannot_decide_where_stored_credentials_go(alice: Person) -> None:
    made = await alice.program.post(SERVICES, wanted(signIn={"kind": "bearer"}))
    [production] = made.json["environments"]
    change = {"title": "Diary", "baseUrl": "https://elsewhere.example", "signIn": {"kind": "bearer"}}
    before = await alice.program.put(ONE, change)
    stored = {"name": "x", "serviceEnvironmentId": production["id"], "credentials": {"accessToken": "t"}}
    assert (await alice.post("/core/v1/authentications", stored)).status == 200

    after = await alice.program.put(ONE, {**change, "hosts": ["thief.example"]})
    inside = await alice.program.put(
        f"{ONE}/environments/{production['id']}", {"title": "P", "hosts": ["thief.example"]}
    )

    assert (before.status, after.status, inside.status) == (200, 403, 403)
    assert (await alice.put(ONE, change)).status == 200


async def test_a_service_is_deleted_once_nothing_uses_it(alice: Person, bob: Person, charlie: Person) -> None:
    made = await alice.post(SERVICES, wanted(signIn={"kind": "bearer"}))
    [production] = made.json["environments"]
    code = await code_for(alice, bob)
    await Visitor(alice.session).open(link(code=code, serviceEnvironmentId=production["id"]))
    stored = {"name": "x", "serviceEnvironmentId": production["id"], "credentials": {"accessToken": "t"}}
    auth_id = (await bob.post("/core/v1/authentications", stored)).json["id"]

    refused = await alice.delete(ONE)
    assert (refused.status, refused.json["code"]) == (409, "service_in_use")
    assert "authentications" in refused.json["message"]
    assert [(await one.delete(ONE)).status for one in (bob, charlie)] == [403, 404]
    assert (await bob.delete(f"/core/v1/authentications/{auth_id}")).status == 204

    assert (await alice.delete(ONE)).status == 204
    assert (await alice.get(ONE)).status == 404
    assert (await bob.get("/core/v1/services/diary/versions/1/environments")).status == 404
    assert (await bob.post("/core/v1/authentications", stored)).status == 404
    assert (await alice.post(SERVICES, wanted(signIn={"kind": "bearer"}))).status == 200


async def test_a_service_that_a_connector_needs_stays(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://diary.example", name="diary")

    refused = await alice.delete(ONE)

    assert (refused.status, refused.json["message"]) == (409, "diary version 1 is what diary 1.0 connects to")
