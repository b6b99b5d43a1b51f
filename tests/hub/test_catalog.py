"""Connectors API: what there is to call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from jackfield_hub.catalog import service as catalog
from jackfield_hub.errors import NotFound
from jackfield_hub.hub import Hub
from tests.hub.people import Person, caller_of
from tests.hub.shop import put_in_place

LIST = "/core/v1/connectors"
OPERATIONS = "/core/v1/connectors/shop/versions/1.0/operations"


@pytest.fixture
async def shop(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example/api")


async def test_every_connector_version_is_listed_with_its_service(
    hub: Hub, alice: Person, bob: Person, shop: None
) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example", version="1.1")
    await put_in_place(hub, alice.organization_id, "https://other.example", name="other-shop")

    for person in (alice, bob):
        answer = await person.get(LIST)

        assert answer.status == 200
        elements = answer.json["elements"]
        assert [(one["name"], one["version"]) for one in elements] == [
            ("other-shop", "1.0"),
            ("shop", "1.0"),
            ("shop", "1.1"),
        ]
        for element in elements:
            assert element.keys() == {"name", "version", "title", "description", "service"}
            assert element["service"].keys() == {"id", "name", "version"}
            assert element["service"]["version"] == 1
            UUID(element["service"]["id"])
        assert elements[1]["service"] == elements[2]["service"]


async def test_an_organization_without_connectors_gets_an_empty_list(alice: Person) -> None:
    assert (await alice.get(LIST)).json == {"elements": []}


async def test_operations_are_listed_with_their_schemas(alice: Person, shop: None) -> None:
    answer = await alice.get(OPERATIONS)

    assert answer.status == 200
    listed: dict[str, Any] = {one["name"]: one for one in answer.json["elements"]}
    assert listed.keys() == {"get_product", "order_product", "read_table", "wait", "crash", "stumble"}
    for element in listed.values():
        assert {"name", "title", "description", "inputSchema", "outputSchema", "hasDynamicOutput"} <= element.keys()
        assert element["inputSchema"]["type"] == "object"
        assert isinstance(element["inputSchema"]["properties"], dict)
        assert isinstance(element["inputSchema"]["required"], list)
    assert listed["read_table"]["hasDynamicOutput"] is True
    assert listed["get_product"]["hasDynamicOutput"] is False
    assert listed["crash"]["inputSchema"]["required"] == []
    assert listed["order_product"]["inputSchema"]["properties"]["product_id"]["lookup"] == {
        "operation": "list_products_ddl",
        "input": {},
        "authRequired": False,
    }


@pytest.mark.parametrize(
    "path", ["/core/v1/connectors/shop/versions/9.9/operations", "/core/v1/connectors/x/versions/1.0/operations"]
)
async def test_an_unknown_connector_or_version_is_not_found(alice: Person, shop: None, path: str) -> None:
    answer = await alice.get(path)

    assert answer.status == 404
    assert "was not found" in answer.json["message"]


async def test_charlie_sees_nothing_of_alices_connectors(charlie: Person, shop: None) -> None:
    assert (await charlie.get(LIST)).json == {"elements": []}
    assert (await charlie.get(OPERATIONS)).status == 404


@pytest.mark.parametrize("path", [LIST, OPERATIONS])
async def test_without_a_token_there_is_nothing_to_see(alice: Person, shop: None, path: str) -> None:
    answer = await alice.without_token().get(path)

    assert answer.status == 401
    assert answer.json == {"message": "The request is unauthorized"}


@pytest.mark.parametrize("path", [LIST, OPERATIONS])
async def test_an_unchanged_list_is_not_sent_again(hub: Hub, alice: Person, shop: None, path: str) -> None:
    first = await alice.get(path)
    again = await alice.get(path, **{"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    assert again.body == b""

    await put_in_place(hub, alice.organization_id, "https://shop.example/api", title="New shop")

    changed = await alice.get(path, **{"If-None-Match": first.headers["ETag"]})
    assert changed.status == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


async def test_a_deployment_is_seen_by_the_very_next_request(hub: Hub, alice: Person) -> None:
    for number in range(3):
        await put_in_place(hub, alice.organization_id, "https://shop.example/api", title=f"Shop {number}")

        assert (await alice.get(LIST)).json["elements"][0]["title"] == f"Shop {number}"
        connector = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")
        assert connector.manifest.metadata.title == f"Shop {number}"


async def test_a_look_that_began_before_a_deployment_is_not_remembered_after_it(
    hub: Hub, alice: Person, shop: None
) -> None:
    key = (alice.organization_id, "shop", "1.0")
    hub.forget_all()
    epoch = hub.known_connectors.epoch(alice.organization_id)
    old = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")
    await put_in_place(hub, alice.organization_id, "https://shop.example/api", title="New shop")

    hub.known_connectors.remember(key, old, epoch)

    found = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")
    assert found.manifest.metadata.title == "New shop"


async def test_a_publication_that_is_rolled_back_changes_nothing(hub: Hub, alice: Person, shop: None) -> None:
    before = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")

    class Interrupted(Exception):
        pass

    async def publish_in_vain() -> None:
        async with hub.database.transaction() as tx:
            publication = catalog.Publication(alice.organization_id, "d-2", None, "sha256:2", before.manifest)
            await catalog.publish(hub, tx, publication)
            raise Interrupted

    with pytest.raises(Interrupted):
        await publish_in_vain()

    hub.forget_all()
    after = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")
    assert after.bundle_digest == before.bundle_digest


async def test_private_operations_cannot_be_found_by_callers(hub: Hub, alice: Person, shop: None) -> None:
    connector = await catalog.find_version(hub, await caller_of(hub, alice), "shop", "1.0")

    assert catalog.find_operation(connector, "list_products_ddl").name == "list_products_ddl"
    with pytest.raises(NotFound, match="The connector operation #token_request was not found"):
        catalog.find_operation(connector, "#token_request")
