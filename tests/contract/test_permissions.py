"""Sharing connectors: checks 13 to 16, and what follows from "private until shared"."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Role
from tests.hub.connectors import connector_zip, deploy, deploy_and_wait, deployment_path
from tests.hub.people import Answer, Person, member, program, role_id

PATHS = (
    "/cdk/v1/permissions/connectors/{name}/versions/{version}",
    "/internal/v1/connectors/{name}/versions/{version}/permissions",
)
NOT_FOUND = "The connector (Left({connector})) was not found or you don't have permission to access it"


@pytest.fixture
async def maker(alice: Person) -> Person:
    """A program that has deployed the connector acme."""
    await deploy_and_wait(alice.program, connector_zip())
    return alice.program


@pytest.fixture
async def carol(hub: Hub, alice: Person) -> Person:
    return await member(hub, alice, "carol")


async def share(person: Person, *emails: str, path: str = PATHS[0], name: str = "acme", version: str = "1.0") -> Answer:
    address = path.format(name=name, version=version)
    return await person.post(f"{address}/share-with-emails", {"emails": list(emails)})


async def share_with_workspaces(person: Person, *ids: str, path: str = PATHS[0]) -> Answer:
    address = path.format(name="acme", version="1.0")
    return await person.post(f"{address}/share-with-workspaces", {"workspaceIds": list(ids)})


async def names(person: Person) -> list[str]:
    return [one["name"] for one in (await person.get("/core/v1/connectors")).json["elements"]]


async def call(person: Person) -> Answer:
    return await person.post("/core/v1/connectors/acme/versions/1.0/call", {"operation": "say", "input": {}})


async def workspace(alice: Person, *people: Person) -> str:
    """Make a shared workspace with these people in it, and return its id."""
    made = (await alice.post("/v1/workspaces", {"name": "Shop team"})).json["id"]
    for person in people:
        user_id = (await person.get("/v1/me")).json["id"]
        body = {"userId": user_id, "roleId": role_id(Role.VIEWER, "workspace")}
        assert (await alice.post(f"/core/v1/workspaces/{made}/users", body)).json == {}
    return made


@pytest.mark.parametrize("path", PATHS)
async def test_check_13_sharing_with_emails_says_how_many_and_may_be_repeated(
    hub: Hub, alice: Person, maker: Person, carol: Person, path: str
) -> None:
    await member(hub, alice, "dave")

    first = await share(maker, "carol@example.com", "dave@example.com", path=path)
    again = await share(maker, "carol@example.com", path=path)

    assert (first.status, first.json) == (200, {"message": "2 permissions added"})
    assert (again.status, again.json) == (200, {"message": "0 permissions added"})


@pytest.mark.parametrize("path", PATHS)
async def test_check_14_sharing_with_workspaces_always_answers_both_parts(
    alice: Person, maker: Person, carol: Person, path: str
) -> None:
    team, empty = await workspace(alice, maker, carol), await workspace(alice)
    await alice.delete(f"/core/v1/workspaces/{team}/users/nobody")

    seen = await maker.get(f"/core/v1/workspaces/{empty}")
    shared = await share_with_workspaces(maker, team, path=path)
    warned = await share_with_workspaces(maker, team, empty, path=path)

    assert seen.status == 404
    assert shared.json == {"success": {"message": "1 permissions added"}, "warnings": {"emptyWorkspaces": []}}
    assert warned.json == {
        "success": {"message": "0 permissions added"},
        "warnings": {"emptyWorkspaces": [f"No permissions to add for workspace: {empty}"]},
    }
    assert await names(carol) == ["acme"]


async def test_check_15_only_the_deployers_token_shares(
    hub: Hub, alice: Person, maker: Person, charlie: Person, carol: Person
) -> None:
    others = [await program(hub, alice, "another program"), carol, alice, charlie]
    refused = [await share(person, "carol@example.com") for person in others]
    unknown = await share(maker, "carol@example.com", name="nothing", version="1.1")

    for answer in refused:
        assert answer.status == 404
        assert answer.json["message"] == NOT_FOUND.format(connector="acme~1.0")
    assert unknown.status == 404
    assert unknown.json["message"] == NOT_FOUND.format(connector="nothing~1.1")
    assert await names(carol) == []


async def test_check_16_a_shared_connector_is_seen_by_whom_it_was_shared_with_and_no_third(
    hub: Hub, alice: Person, maker: Person, carol: Person
) -> None:
    dave = await member(hub, alice, "dave")
    assert (await names(carol), (await call(carol)).status) == ([], 404)

    await share(maker, "carol@example.com")

    assert (await names(carol), (await call(carol)).json["outcome"]) == (["acme"], "success")
    assert (await names(dave), (await call(dave)).status) == ([], 404)
    assert (await dave.get("/core/v1/connectors/acme/versions/1.0/operations")).status == 404


async def test_the_owner_the_organization_and_its_end_users_see_what_is_not_shared(
    alice: Person, bob: Person, maker: Person, charlie: Person
) -> None:
    for person in (maker, alice, bob):
        assert (await names(person), (await call(person)).status) == (["acme"], 200)
    assert (await names(charlie), (await call(charlie)).status) == ([], 404)


async def test_one_cannot_learn_whether_a_connector_is_there(carol: Person, maker: Person) -> None:
    for path in ("operations", "call"):
        bodies: list[Any] = []
        for name in ("acme", "nope"):
            address = f"/core/v1/connectors/{name}/versions/1.0/{path}"
            body = {"operation": "say", "input": {}}
            answer = await (carol.get(address) if path == "operations" else carol.post(address, body))
            bodies.append((answer.status, answer.body.replace(name.encode(), b"name")))
        assert bodies[0] == bodies[1]


async def test_emails_are_matched_exactly_and_in_the_same_organization_only(
    hub: Hub, charlie: Person, maker: Person, carol: Person
) -> None:
    await member(hub, charlie, "erin")

    answer = await share(maker, "Carol@example.com", "erin@example.com", "nobody@example.com")

    assert answer.status == 200
    assert answer.json["message"].startswith("0 permissions added. Nobody here has the e-mail Carol@example.com, ")
    assert await names(carol) == []


async def test_a_longer_version_is_cut_to_two_segments(maker: Person, carol: Person) -> None:
    assert (await share(maker, "carol@example.com", version="1.0.3")).status == 200
    assert await names(carol) == ["acme"]


async def test_the_owner_lists_and_ends_what_was_shared(maker: Person, carol: Person) -> None:
    await share(maker, "carol@example.com")
    etag = (await carol.get("/core/v1/connectors")).headers["ETag"]

    for path in PATHS:
        address = path.format(name="acme", version="1.0")
        assert (await maker.get(address)).json == {"emails": ["carol@example.com"]}
        assert (await carol.get(address)).status == 404
    ended = [
        (await maker.delete("/v1/connectors/acme/versions/1.0/permissions/carol@example.com")).status for _ in range(2)
    ]

    assert ended == [204, 404]
    assert (await names(carol), (await call(carol)).status) == ([], 404)
    assert (await carol.get("/core/v1/connectors", **{"If-None-Match": etag})).status == 200


async def test_lists_of_two_people_are_never_taken_for_each_others(maker: Person, carol: Person) -> None:
    etag = (await maker.get("/core/v1/connectors")).headers["ETag"]

    answer = await carol.get("/core/v1/connectors", **{"If-None-Match": etag})

    assert (answer.status, answer.json) == (200, {"elements": []})


async def test_somebody_removed_and_added_again_has_no_old_permission(
    hub: Hub, alice: Person, maker: Person, carol: Person
) -> None:
    await share(maker, "carol@example.com")
    carol_id = (await carol.get("/v1/me")).json["id"]

    assert (await alice.delete(f"/core/v1/users/{carol_id}")).status == 204
    another = await member(hub, alice, "carol")

    assert (await carol.get("/v1/me")).status == 401
    assert await names(another) == []


async def test_nobody_else_deploys_over_a_connector_but_who_speaks_for_all(
    hub: Hub, alice: Person, maker: Person, carol: Person
) -> None:
    refused = [await deploy(carol, connector_zip(version=version), version=version) for version in ("1.0", "1.1")]
    unseen = await carol.get(deployment_path("acme", "latest"))

    assert [(answer.status, answer.json["code"]) for answer in refused] == [(403, "forbidden")] * 2
    assert unseen.status == 404

    await deploy_and_wait(alice, connector_zip(words="from alice"))

    assert (await share(alice, "carol@example.com")).json == {"message": "1 permissions added"}
    assert (await call(carol)).json["output"] == {"words": "from alice"}
    assert (await share(maker, "carol@example.com")).status == 404


@pytest.mark.parametrize("body", [{}, {"emails": "a@x.com"}, {"emails": [1]}, {"workspaceIds": []}])
async def test_a_body_that_is_not_a_list_of_emails_is_refused(maker: Person, body: Any) -> None:
    address = PATHS[0].format(name="acme", version="1.0")

    answer = await maker.post(f"{address}/share-with-emails", body)

    assert (answer.status, answer.json["code"]) == (400, "invalid_input")


async def test_sharing_takes_the_right_to_deploy(hub: Hub, alice: Person, bob: Person, maker: Person) -> None:
    viewer = await member(hub, alice, "victor", Role.VIEWER)

    for person in (bob, viewer):
        assert (await share(person, "victor@example.com")).status == 403
