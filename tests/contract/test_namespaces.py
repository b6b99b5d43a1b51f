"""Namespaces: check 50."""

from __future__ import annotations

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Role
from tests.hub.connectors import connector_zip, deploy, deploy_and_wait
from tests.hub.people import Answer, Person, member


def path(person: Person) -> str:
    return f"/v1/organizations/{person.organization_id}/namespace"


async def create(person: Person, name: str) -> Answer:
    return await person.post(path(person), {"namespace": name})


async def test_check_50_there_is_one_namespace_for_good_and_names_begin_with_it(alice: Person) -> None:
    assert (await alice.get(path(alice))).status == 404

    first, same, other = [await create(alice, name) for name in ("acme-shops", "acme-shops", "acme")]

    assert (first.status, first.json) == (200, {"namespace": "acme-shops"})
    assert (same.status, same.json) == (200, {"namespace": "acme-shops"})
    assert (other.status, other.json["code"]) == (409, "conflict")
    assert "acme-shops" in other.json["message"]
    assert (await alice.program.get(path(alice))).json == {"namespace": "acme-shops"}

    refused = await deploy(alice.program, connector_zip("acme"))
    taken = await deploy_and_wait(alice.program, connector_zip("acme-shops-orders"), "acme-shops-orders")

    assert refused.status == 400
    assert "acme-shops-" in refused.json["message"]
    assert taken["deploymentStatus"] == "Deployed"


@pytest.mark.parametrize("name", ["", "Acme", "acme_shops", "acme shops", "-acme", "acme-", "a--b", "é", "a" * 64])
async def test_a_namespace_is_words_joined_by_dashes(alice: Person, name: str) -> None:
    assert (await create(alice, name)).status == 400


async def test_two_organizations_do_not_share_a_namespace(alice: Person, charlie: Person) -> None:
    assert (await create(alice, "acme")).status == 200

    assert (await create(charlie, "acme")).status == 409
    assert (await charlie.get(path(alice))).status == 404
    assert (await charlie.post(path(alice), {"namespace": "evil"})).status == 404


async def test_contributors_see_it_and_only_administrators_choose_it(hub: Hub, alice: Person, bob: Person) -> None:
    admin, viewer = await member(hub, alice, "anne", Role.ADMIN), await member(hub, alice, "victor", Role.VIEWER)

    refused = [(await create(person, "acme")).status for person in (alice.program, viewer, bob)]

    assert refused == [403, 403, 403]
    assert (await create(admin, "acme")).status == 200
    assert (await viewer.get(path(alice))).status == 200
    assert (await bob.get(path(alice))).status == 403
