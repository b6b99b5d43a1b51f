"""Who may do what: every role against every kind of change, over the routes that make it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.identity.rights import RIGHTS_OF_ROLE, rights_of
from jackfield_hub.identity.shapes import CallerKind, Right, Role
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy
from tests.hub.people import Answer, Person, member, role_id
from tests.hub.stored import stored_values

UNKNOWN = "11111111-2222-4333-8444-555555555555"
Change = Callable[[Person], Awaitable[Answer]]
VIEWER_ROLE = {"organizationRoleId": role_id(Role.VIEWER)}

CHANGES: dict[str, tuple[Right, Change]] = {
    "deploy": (Right.DEPLOY, lambda person: deploy(person, b"no zip")),
    "share": (
        Right.DEPLOY,
        lambda person: person.post(
            "/cdk/v1/permissions/connectors/nope/versions/1.0/share-with-emails", {"emails": []}
        ),
    ),
    "call": (
        Right.CALL,
        lambda person: person.post("/core/v1/connectors/nope/versions/1.0/call", {"operation": "x", "input": {}}),
    ),
    "add a user": (
        Right.MANAGE_PEOPLE,
        lambda person: person.post("/core/v1/users", {"name": "X", "email": "x@example.com", **VIEWER_ROLE}),
    ),
    "remove a user": (Right.MANAGE_PEOPLE, lambda person: person.delete(f"/core/v1/users/{UNKNOWN}")),
    "give a role": (
        Right.MANAGE_PEOPLE,
        lambda person: person.put(f"/core/v1/users/{UNKNOWN}/roles", {"roleId": role_id(Role.VIEWER)}),
    ),
    "invite": (
        Right.MANAGE_PEOPLE,
        lambda person: person.post("/core/v1/invites", {"email": "y@example.com", **VIEWER_ROLE}),
    ),
    "make a program": (Right.MANAGE_PEOPLE, lambda person: person.post("/v1/api-users", {"name": "robot"})),
    "make a workspace": (Right.MANAGE_PEOPLE, lambda person: person.post("/v1/workspaces", {"name": "Team"})),
    "choose the namespace": (
        Right.MANAGE_NAMESPACE,
        lambda person: person.post(f"/v1/organizations/{person.organization_id}/namespace", {"namespace": "acme"}),
    ),
    "make a master token": (
        Right.SPEAK_FOR_ALL,
        lambda person: person.post("/v1/tokens", {"name": "more", "kind": "master"}),
    ),
    "look at people": (Right.SEE_PEOPLE, lambda person: person.get("/core/v1/users")),
}


async def everybody(hub: Hub, alice: Person, bob: Person) -> dict[frozenset[Right], Person]:
    people = {RIGHTS_OF_ROLE[role]: await member(hub, alice, role.lower(), role) for role in list(Role)[1:]}
    return {rights_of(CallerKind.MASTER, None): alice, rights_of(CallerKind.END_USER, None): bob, **people}


@pytest.mark.parametrize("change", CHANGES)
async def test_who_has_the_right_is_let_in_and_nobody_else(hub: Hub, alice: Person, bob: Person, change: str) -> None:
    right, make = CHANGES[change]

    for rights, person in (await everybody(hub, alice, bob)).items():
        answer = await make(person)

        assert (answer.status == 403) is (right not in rights), (change, answer.status, answer.body)


def test_a_higher_role_has_all_rights_of_a_lower_one() -> None:
    for higher, lower in zip(list(Role), list(Role)[1:], strict=False):
        assert RIGHTS_OF_ROLE[higher] > RIGHTS_OF_ROLE[lower]


def test_who_makes_things_in_a_workspace_may_deploy_but_rules_nobody() -> None:
    rights = rights_of(CallerKind.API, Role.VIEWER, [Role.ADMIN])

    assert rights == RIGHTS_OF_ROLE[Role.CONTRIBUTOR]
    assert rights_of(CallerKind.API, Role.VIEWER, [Role.VIEWER]) == RIGHTS_OF_ROLE[Role.VIEWER]


async def test_a_program_is_a_viewer_until_a_workspace_lets_it_make_things(alice: Person) -> None:
    team = (await alice.post("/v1/workspaces", {"name": "Team"})).json["id"]
    idle = await token_for(alice, {"name": "idle"})
    busy = await token_for(alice, {"name": "busy", "workspaceId": team})

    assert (await deploy(idle, connector_zip())).status == 403
    assert (await deploy(busy, connector_zip())).status == 200


async def test_nobody_makes_a_token_to_act_as_another_person(hub: Hub, alice: Person) -> None:
    carol, admin = await member(hub, alice, "carol"), await member(hub, alice, "anne", Role.ADMIN)
    carol_id, owner_id = [(await person.get("/v1/me")).json["id"] for person in (carol, alice)]

    for user_id in (carol_id, owner_id):
        assert (await admin.post("/v1/tokens", {"name": "x", "userId": user_id})).status == 403
    own = await carol.post("/v1/tokens", {"name": "mine", "expiresInDays": 1})

    assert own.json["userId"] == carol_id
    assert own.json["token"].startswith("jf_api_")


async def test_tokens_are_listed_without_their_text_and_only_to_who_may_revoke_them(hub: Hub, alice: Person) -> None:
    carol, admin = await member(hub, alice, "carol"), await member(hub, alice, "anne", Role.ADMIN)

    of_alice, of_admin, of_carol = [
        (await person.get("/v1/tokens")).json["elements"] for person in (alice, admin, carol)
    ]

    assert [one["name"] for one in of_carol] == ["carol"]
    assert {one["name"] for one in of_admin} == {"API token", "carol", "anne"}
    assert {one["name"] for one in of_alice} == {"Master token", "API token", "carol", "anne"}
    assert all("token" not in one and carol.token not in str(one) for one in of_alice)
    [master] = [one for one in of_alice if one["kind"] == "master"]
    assert (await admin.delete(f"/v1/tokens/{master['id']}")).status == 404


async def test_a_programs_token_is_not_prolonged_by_itself(alice: Person) -> None:
    robot = await token_for(alice, {"name": "robot"})

    assert (await robot.post("/v1/tokens", {"name": "for ever", "expiresInDays": 3650})).status == 403


@pytest.mark.parametrize("extra", [{"role": "Owner"}, {"kind": "member"}, {"id": UNKNOWN}, {"organizationId": UNKNOWN}])
async def test_fields_nobody_asked_for_change_nothing(alice: Person, extra: dict[str, str]) -> None:
    answer = await alice.post("/v1/api-users", {"name": "robot", **extra})

    assert answer.json["role"]["name"] == "Viewer"
    assert answer.json["accountType"] == "api"
    assert answer.json["id"] != UNKNOWN
    assert (await alice.get(f"/core/v1/users/{answer.json['id']}")).status == 200


async def token_for(alice: Person, wanted: dict[str, str]) -> Person:
    """Make a program and return it with a token."""
    made = (await alice.post("/v1/api-users", wanted)).json
    token = (await alice.post("/v1/tokens", {"name": wanted["name"], "userId": made["id"]})).json["token"]
    return Person(alice.session, alice.organization_id, token)


async def test_who_let_whom_in_is_written_down(settings: Settings, alice: Person) -> None:
    made = (await alice.post("/v1/api-users", {"name": "robot"})).json
    token = (await alice.post("/v1/tokens", {"name": "robot", "userId": made["id"]})).json
    await alice.delete(f"/v1/tokens/{token['id']}")
    await alice.put(f"/core/v1/users/{made['id']}/roles", {"roleId": role_id(Role.ADMIN)})
    await alice.delete(f"/core/v1/users/{made['id']}")

    written = stored_values(settings, "SELECT actor, action, subject FROM audit ORDER BY at")
    assert written == [
        ("master", "user.added", made["id"]),
        ("master", "token.created", token["id"]),
        ("master", "token.revoked", token["id"]),
        ("master", "user.role_changed", made["id"]),
        ("master", "user.removed", made["id"]),
    ]
