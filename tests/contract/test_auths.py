"""Checks 26 to 28 of the public contract: authentications and service environments."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest

from tests.contract.conftest import Shop
from tests.hub.people import Answer, Person

AUTHS = "/core/v1/authentications"
ENVIRONMENTS = "/core/v1/services/shop/versions/4/environments"
SECRET = "the key of the shop"


@pytest.fixture
async def wanted(shop: Shop) -> dict[str, Any]:
    environments = (await shop.owner.get(ENVIRONMENTS)).json["elements"]
    return {
        "name": "My shop",
        "serviceEnvironmentId": environments[0]["id"],
        "userData": {"server": shop.third_party.url},
        "credentials": {"apiKey": SECRET},
        "scopes": ["read"],
    }


async def put(person: Person, auth_id: str, body: dict[str, Any]) -> Answer:
    return await person.send("PUT", f"{AUTHS}/{auth_id}", orjson.dumps(body))


async def test_check_26_an_auth_is_stored_seen_without_secrets_and_shown_in_full_to_its_owner(
    shop: Shop, bob: Person, wanted: dict[str, Any]
):
    stored = await bob.post(AUTHS, wanted)
    assert (stored.status, stored.json.keys()) == (200, {"id"})
    auth_id = str(uuid.UUID(stored.json["id"]))
    seen = {"id": auth_id, **{name: wanted[name] for name in ("name", "serviceEnvironmentId", "scopes")}}

    assert (await bob.get(f"{AUTHS}/{auth_id}")).json == seen
    full = await bob.get(f"{AUTHS}/{auth_id}/full")
    assert full.json == {**seen, "userData": wanted["userData"], "credentials": wanted["credentials"]}
    assert full.headers["Cache-Control"] == "no-store"


async def test_check_26_nobody_else_sees_an_auth(
    shop: Shop, bob: Person, ann: Person, charlie: Person, wanted: dict[str, Any]
):
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]

    for person, status in [(shop.owner, 403), (ann, 403), (charlie, 404), (bob.without_token(), 401)]:
        answers = [
            await person.get(f"{AUTHS}/{auth_id}"),
            await person.get(f"{AUTHS}/{auth_id}/full"),
            await person.get(f"{AUTHS}/{auth_id}/full?forceRefresh=true"),
            await put(person, auth_id, {"name": "Mine now", "credentials": {"apiKey": "another"}}),
            await person.delete(f"{AUTHS}/{auth_id}"),
        ]
        assert [answer.status for answer in answers] == [status] * 5
        assert not any(SECRET.encode() in answer.body for answer in answers)


async def test_check_26_put_answers_what_get_does_and_keeps_what_it_does_not_name(
    shop: Shop, bob: Person, wanted: dict[str, Any]
):
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]

    changed = await put(bob, auth_id, {"name": "Renamed", "credentials": {"apiKey": "another key"}})

    assert changed.status == 200
    assert changed.json == (await bob.get(f"{AUTHS}/{auth_id}")).json
    full = (await bob.get(f"{AUTHS}/{auth_id}/full")).json
    assert full["name"] == "Renamed"
    assert full["credentials"] == {"apiKey": "another key"}
    assert (full["userData"], full["scopes"]) == (wanted["userData"], wanted["scopes"])


async def test_check_26_delete_answers_204_and_nothing_is_left(shop: Shop, bob: Person, wanted: dict[str, Any]):
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]

    gone = await bob.delete(f"{AUTHS}/{auth_id}")

    assert (gone.status, gone.body) == (204, b"")
    for answer in (await bob.get(f"{AUTHS}/{auth_id}"), await bob.get(f"{AUTHS}/{auth_id}/full")):
        assert answer.status == 404


async def test_check_27_credentials_that_do_not_fit_the_schema_are_refused(
    shop: Shop, bob: Person, wanted: dict[str, Any]
):
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]

    for misfit in ({}, {"apiKey": 5}, {"apiKey": SECRET, "more": SECRET}):
        for answer in (
            await bob.post(AUTHS, {**wanted, "credentials": misfit}),
            await put(bob, auth_id, {"name": "x", "credentials": misfit}),
        ):
            assert answer.status == 400
            assert SECRET not in answer.body.decode()


async def test_check_27_an_unknown_environment_is_not_found(shop: Shop, bob: Person, wanted: dict[str, Any]):
    answer = await bob.post(AUTHS, {**wanted, "serviceEnvironmentId": str(uuid.uuid4())})

    assert answer.status == 404
    assert isinstance(answer.json["message"], str)


async def test_check_27_wrong_but_well_formed_credentials_are_accepted(shop: Shop, bob: Person, wanted: dict[str, Any]):
    answer = await bob.post(AUTHS, {**wanted, "credentials": {"apiKey": "nobody knows this key"}})

    assert answer.status == 200
    assert shop.third_party.asked == []


async def test_check_28_every_environment_has_all_six_keys(shop: Shop, bob: Person):
    for person in (shop.owner, bob):
        elements = (await person.get(ENVIRONMENTS)).json["elements"]

        assert elements[0]["title"] == "Production"
        for element in elements:
            assert element.keys() == {
                "id",
                "title",
                "authenticationType",
                "userDataSchema",
                "credentialsSchema",
                "scopes",
            }
            assert isinstance(element["scopes"], list)
            assert isinstance(element["userDataSchema"], dict)
            assert isinstance(element["credentialsSchema"], dict)


async def test_an_auth_behind_an_on_prem_agent_is_refused_where_there_are_none(
    bob: Person, wanted: dict[str, Any]
) -> None:
    without = await bob.post(AUTHS, {**wanted, "onPremAgentGroupId": None})
    behind = await bob.post(AUTHS, {**wanted, "onPremAgentGroupId": str(uuid.uuid4())})
    odd = await bob.post(AUTHS, {**wanted, "onPremAgentGroupId": "x"})

    assert [answer.status for answer in (without, behind, odd)] == [200, 404, 400]
    assert "leave out onPremAgentGroupId" in behind.json["message"]
