"""The sign-in dialog as hosts of it know it: its addresses, its codes, its messages."""

from __future__ import annotations

import pytest

from jackfield_hub.hub import Hub
from tests.contract.conftest import Shop
from tests.hub.people import Person
from tests.hub.visitor import Page, Visitor, code_for


@pytest.fixture
async def environment_id(shop: Shop) -> str:
    environments = await shop.owner.get("/core/v1/services/shop/versions/4/environments")
    return environments.json["elements"][0]["id"]


async def enter(alice: Person, bob: Person, environment_id: str) -> tuple[Visitor, Page]:
    """Open the dialog as the form builder does when the environment has no scopes."""
    visitor, code = Visitor(alice.session), await code_for(alice, bob)
    query = f"code={code}&serviceId=&serviceEnvironmentId={environment_id}&scopes[]="
    return visitor, await visitor.open(f"/external/auth/create/acme?{query}")


async def test_check_39_a_code_works_once_and_for_five_minutes(hub: Hub, alice: Person, bob: Person) -> None:
    used, old = await code_for(alice, bob), await code_for(alice, bob)

    assert (await Visitor(alice.session).open(f"/external/auth/create/acme?code={used}")).status == 200
    assert (await Visitor(alice.session).open(f"/external/auth/create/acme?code={used}")).status == 403
    later = hub.clock() + 301
    hub.clock = lambda: later
    assert (await Visitor(alice.session).open(f"/external/auth/create/acme?code={old}")).status == 403


async def test_check_40_an_empty_list_of_scopes_is_tolerated_and_the_end_names_the_auth(
    shop: Shop, alice: Person, bob: Person, environment_id: str
) -> None:
    visitor, page = await enter(alice, bob, environment_id)
    assert page.status == 200

    done = await visitor.send(page, userData_server=shop.third_party.url, credentials_apiKey="the key of the shop")

    assert done.message["type"] == "tray.authpopup.finish"
    auth_id = done.message["authId"]
    assert (await bob.get(f"/core/v1/authentications/{auth_id}")).json["scopes"] == []
    wanted = {"channel": "general", "text": "Hello"}
    call = {"operation": "send_message", "authId": auth_id, "input": wanted, "returnOutputSchema": False}
    answer = await bob.post("/core/v1/connectors/shop/versions/1.0/call", call)
    assert answer.status == 200, answer.body
    assert answer.json["outcome"] == "success", answer.json


async def test_check_40_who_closes_is_told_apart_from_what_fails(
    shop: Shop, alice: Person, bob: Person, environment_id: str
) -> None:
    visitor, page = await enter(alice, bob, environment_id)

    closed = await visitor.send(page, "/cancel")
    failed = await visitor.open(page.path)

    assert closed.message == {"type": "tray.authpopup.close"}
    assert failed.message["type"] == "tray.authPopup.error"
    assert isinstance(failed.message["error"], str)


async def test_check_40_an_auth_is_changed_at_its_own_address(
    shop: Shop, alice: Person, bob: Person, environment_id: str
) -> None:
    auth_id = await shop.create_auth(bob)
    visitor, code = Visitor(alice.session), await code_for(alice, bob)

    page = await visitor.open(f"/external/auth/edit/acme/{auth_id}?code={code}")
    done = await visitor.send(page, name="Renamed")

    assert done.message["authId"] == auth_id
    assert (await bob.get(f"/core/v1/authentications/{auth_id}")).json["name"] == "Renamed"
