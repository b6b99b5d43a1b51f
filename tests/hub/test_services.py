"""Services as deployments declare them: they follow the connector until somebody has stored credentials."""

from __future__ import annotations

from uuid import UUID

import pytest

from jackfield.auth import NoSignIn
from jackfield_hub.catalog import service as catalog
from jackfield_hub.hub import Hub
from jackfield_hub.services.declared import ServiceDiffers
from jackfield_hub.services.effective import schemas
from jackfield_hub.services.shapes import Service
from tests.hub.people import Person, caller_of
from tests.hub.shop import put_in_place

ENVIRONMENTS = "/core/v1/services/shop/versions/1/environments"


async def test_a_deployed_service_has_an_environment_called_production(hub: Hub, alice: Person, bob: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://{shop}.example.com", sign_in='ApiKey("X-Key")')

    for person in (alice, bob):
        answer = await person.get(ENVIRONMENTS)

        assert answer.status == 200
        [environment] = answer.json["elements"]
        assert environment.keys() == {
            "id",
            "title",
            "authenticationType",
            "userDataSchema",
            "credentialsSchema",
            "scopes",
        }
        UUID(environment["id"])
        assert environment["title"] == "Production"
        assert environment["authenticationType"] == "token"
        assert environment["userDataSchema"]["required"] == ["shop"]
        assert environment["credentialsSchema"]["required"] == ["apiKey"]
        assert environment["scopes"] == []


async def test_a_service_that_asks_nothing_has_empty_schemas(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example")

    [environment] = (await alice.get(ENVIRONMENTS)).json["elements"]

    assert environment["authenticationType"] == "builtin"
    assert environment["userDataSchema"] == {}
    assert environment["credentialsSchema"] == {}


async def test_a_deployment_changes_a_service_nobody_has_credentials_for(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example", sign_in="Bearer()")

    await put_in_place(hub, alice.organization_id, "https://{shop}.shop.example", sign_in='ApiKey("X-Key")')

    connector = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")
    assert connector.service.hosts == ("{shop}.shop.example",)
    [environment] = (await alice.get(ENVIRONMENTS)).json["elements"]
    assert environment["userDataSchema"]["required"] == ["shop"]
    assert environment["credentialsSchema"]["required"] == ["apiKey"]


async def test_what_a_connector_says_about_user_data_is_shown_to_who_stores_an_auth(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://{shop}.shop.example")
    [before] = (await alice.get(ENVIRONMENTS)).json["elements"]

    await put_in_place(hub, alice.organization_id, "https://{shop}.shop.example", user_data="Site")

    [after] = (await alice.get(ENVIRONMENTS)).json["elements"]
    assert before["userDataSchema"]["properties"]["shop"]["title"] == "Shop"
    assert after["userDataSchema"]["properties"]["shop"] == {
        "type": "string",
        "title": "Your shop",
        "description": "What comes before .shop.example.",
        "minLength": 1,
    }


@pytest.mark.parametrize("said", [True, {"type": "object"}, {"const": "evil"}])
def test_user_data_is_a_text_whatever_a_connector_says_about_it(said: object) -> None:
    service = Service(
        service_id="1",
        name="shop",
        version=1,
        title="Shop",
        base_url="https://{shop}.shop.example",
        hosts=(),
        sign_in=NoSignIn(),
        user_data_schema={"properties": {"shop": said}},
        scopes=(),
    )

    user_data, _ = schemas(service)

    assert user_data["properties"] == {"shop": {"type": "string", "title": "Shop", "minLength": 1}}


@pytest.mark.parametrize(
    ("base_url", "sign_in", "named"),
    [
        ("https://thief.example", "Bearer()", "thief.example"),
        ("https://shop.example.thief.example", "NoSignIn()", "thief.example"),
        ("https://shop.example", 'ApiKey("X-Key")', "api_key"),
        ("{server}", "Bearer()", "{server}"),
    ],
)
async def test_a_later_deployment_cannot_send_credentials_elsewhere(
    hub: Hub, alice: Person, base_url: str, sign_in: str, named: str
) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example", sign_in="Bearer()")
    before = (await alice.get(ENVIRONMENTS)).json
    await store_token(alice, before["elements"][0]["id"])

    with pytest.raises(ServiceDiffers) as refused:
        await put_in_place(hub, alice.organization_id, base_url, sign_in=sign_in)

    assert named in refused.value.reason
    assert "jackfield service update" in refused.value.reason
    connector = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")
    assert connector.manifest.base_url == "https://shop.example"
    assert connector.service.hosts == ("shop.example",)
    assert (await alice.get(ENVIRONMENTS)).json == before


async def test_a_later_deployment_may_need_less_and_leave_the_sign_in_to_the_service(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example", sign_in="Bearer()")
    await store_token(alice, (await alice.get(ENVIRONMENTS)).json["elements"][0]["id"])

    await put_in_place(hub, alice.organization_id, "https://shop.example/v2", sign_in="NoSignIn()")

    connector = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")
    assert connector.service.sign_in.kind == "bearer"


async def store_token(person: Person, environment_id: str) -> str:
    wanted = {"name": "Mine", "serviceEnvironmentId": environment_id, "credentials": {"accessToken": "t-4711"}}
    return (await person.post("/core/v1/authentications", wanted)).json["id"]


async def test_charlie_does_not_see_alices_service(hub: Hub, alice: Person, charlie: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example")

    assert (await charlie.get(ENVIRONMENTS)).status == 404


async def test_two_organizations_may_know_a_service_by_the_same_name(hub: Hub, alice: Person, charlie: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example")
    await put_in_place(hub, charlie.organization_id, "https://shop.example", sign_in="Bearer()")

    [alices] = (await alice.get(ENVIRONMENTS)).json["elements"]
    [charlies] = (await charlie.get(ENVIRONMENTS)).json["elements"]

    assert alices["id"] != charlies["id"]
    assert (alices["authenticationType"], charlies["authenticationType"]) == ("builtin", "token")


async def test_a_service_version_is_a_whole_number(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example")

    for version, status in [("2", 404), ("1.5", 400), ("one", 400), ("-1", 400), (str(2**40), 400)]:
        answer = await alice.get(f"/core/v1/services/shop/versions/{version}/environments")

        assert answer.status == status
        assert isinstance(answer.json["message"], str)
