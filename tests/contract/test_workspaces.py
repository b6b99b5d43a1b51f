"""Workspaces, users, roles and invitations over the public REST API, and `GET /v1/me`: check 42."""

from __future__ import annotations

from uuid import UUID

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Role
from tests.hub.people import Person, member, role_id

USERS, WORKSPACES, INVITES = "/core/v1/users", "/core/v1/workspaces", "/core/v1/invites"
DAY_SECONDS = 24 * 3600.0


async def test_check_42_me_has_a_username_that_is_a_user_id(alice: Person) -> None:
    me = (await alice.get("/v1/me")).json

    UUID(me["username"])
    assert (await alice.get(f"{USERS}/{me['username']}")).json["role"]["name"] == "Owner"


async def test_roles_have_ids_that_stay_and_the_four_known_names(alice: Person, charlie: Person) -> None:
    listed = (await alice.get("/core/v1/roles")).json

    assert [one["name"] for one in listed["elements"]] == ["Owner", "Admin", "Contributor", "Viewer"]
    assert all(one.keys() == {"id", "name"} and UUID(one["id"]) for one in listed["elements"])
    assert (await charlie.get("/core/v1/roles")).json == listed


async def test_users_are_listed_a_page_at_a_time(hub: Hub, alice: Person, bob: Person) -> None:
    for name in ("carol", "dave", "erin"):
        await member(hub, alice, name)

    first = (await alice.get(f"{USERS}?first=2")).json
    second = (await alice.get(f"{USERS}?first=2&cursor={first['pageInfo']['endCursor']}")).json
    third = (await alice.get(f"{USERS}?first=2&cursor={second['pageInfo']['endCursor']}")).json
    back = (await alice.get(f"{USERS}?last=2&cursor={third['pageInfo']['startCursor']}")).json

    assert [len(page["elements"]) for page in (first, second, third)] == [2, 2, 1]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second, third)] == [True, True, False]
    assert [page["pageInfo"]["hasPreviousPage"] for page in (first, second, third)] == [False, True, True]
    assert back["elements"] == second["elements"]
    seen = [one["name"] for page in (first, second, third) for one in page["elements"]]
    assert sorted(seen) == sorted(["alice", "API token", "carol", "dave", "erin"])
    assert {one["accountType"] for one in first["elements"] + second["elements"]} == {"user", "api"}
    assert first["elements"][0].keys() == {"id", "email", "name", "accountType", "role"}
    assert first["elements"][0]["role"].keys() == {"id", "name"}


async def test_users_are_found_by_their_exact_email(hub: Hub, alice: Person) -> None:
    await member(hub, alice, "carol")

    found = (await alice.get(f"{USERS}?email=carol@example.com")).json["elements"]
    missed = (await alice.get(f"{USERS}?email=Carol@example.com")).json

    assert [one["name"] for one in found] == ["carol"]
    assert missed["elements"] == []
    assert missed["pageInfo"] == {
        "hasNextPage": False, "hasPreviousPage": False, "startCursor": "", "endCursor": ""
    }  # fmt: skip


@pytest.mark.parametrize("query", ["first=0", "first=1001", "first=x", "cursor=!", "cursor=YQ==", "first=1&last=1"])
async def test_a_page_nobody_can_cut_is_refused(alice: Person, query: str) -> None:
    answer = await alice.get(f"{USERS}?{query}")

    assert (answer.status, answer.json["code"]) == (400, "invalid_input")


async def test_a_user_is_added_given_another_role_and_removed(alice: Person) -> None:
    body = {"name": "Carol", "email": "carol@example.com", "organizationRoleId": role_id(Role.VIEWER)}

    made = (await alice.post(USERS, body)).json
    again = await alice.post(USERS, body)
    changed = await alice.put(f"{USERS}/{made['id']}/roles", {"roleId": role_id(Role.ADMIN)})

    assert made["role"] == {"id": role_id(Role.VIEWER), "name": "Viewer"}
    assert again.status == 409
    assert (changed.status, changed.json) == (200, {})
    assert (await alice.get(f"{USERS}/{made['id']}")).json["role"]["name"] == "Admin"
    assert [(await alice.delete(f"{USERS}/{made['id']}")).status for _ in range(2)] == [204, 404]
    assert (await alice.post(USERS, body)).status == 200


async def test_another_role_counts_at_once(hub: Hub, alice: Person) -> None:
    carol = await member(hub, alice, "carol", Role.VIEWER)
    carol_id = (await carol.get("/v1/me")).json["id"]
    body = {"email": "dave@example.com", "organizationRoleId": role_id(Role.VIEWER)}
    assert (await carol.post(INVITES, body)).status == 403

    await alice.put(f"{USERS}/{carol_id}/roles", {"roleId": role_id(Role.ADMIN)})

    assert (await carol.post(INVITES, body)).status == 200


async def test_there_is_one_owner_who_stays(hub: Hub, alice: Person) -> None:
    admin = await member(hub, alice, "anne", Role.ADMIN)
    owner_id, admin_id = [(await person.get("/v1/me")).json["id"] for person in (alice, admin)]

    for person in (alice, admin):
        assert (await person.delete(f"{USERS}/{owner_id}")).status == 409
        assert (await person.put(f"{USERS}/{owner_id}/roles", {"roleId": role_id(Role.VIEWER)})).status == 409
        assert (await person.put(f"{USERS}/{admin_id}/roles", {"roleId": role_id(Role.OWNER)})).status == 400


async def test_an_invited_person_comes_in_with_the_link_they_were_handed(alice: Person) -> None:
    invited = (await alice.post(INVITES, {"email": "dave@example.com", "organizationRoleId": role_id(Role.ADMIN)})).json
    assert invited.keys() == {"inviteId", "expires"}
    old, link = [(await alice.post(f"/v1/invites/{invited['inviteId']}/link", {})).json["token"] for _ in range(2)]
    stranger = alice.without_token()

    def acceptance(token: str) -> dict[str, str]:
        return {"token": token, "name": "Dave", "password": "correct horse battery"}

    too_late = await stranger.post("/v1/invites/accept", acceptance(old))
    accepted = await stranger.post("/v1/invites/accept", acceptance(link))
    twice = await stranger.post("/v1/invites/accept", acceptance(link))

    assert [too_late.status, accepted.status, twice.status] == [401, 200, 401]
    assert (accepted.json["email"], accepted.json["role"]["name"]) == ("dave@example.com", "Admin")
    assert (await alice.post(f"/v1/invites/{invited['inviteId']}/link", {})).status == 404


async def test_an_organization_sends_a_hundred_invitations_a_day(hub: Hub, alice: Person, charlie: Person) -> None:
    def invitation(number: int) -> dict[str, str]:
        return {"email": f"person-{number}@example.com", "organizationRoleId": role_id(Role.VIEWER)}

    for number in range(100):
        assert (await alice.post(INVITES, invitation(number))).status == 200

    refused = await alice.post(INVITES, invitation(100))
    assert refused.status == 429
    assert refused.json.keys() == {"message"}
    assert (await charlie.post(INVITES, invitation(100))).status == 200

    now = hub.clock()
    hub.clock = lambda: now + DAY_SECONDS
    assert (await alice.post(INVITES, invitation(100))).status == 200


async def test_workspaces_are_listed_by_type_in_capitals_or_not(hub: Hub, alice: Person) -> None:
    carol = await member(hub, alice, "carol")
    made = (await alice.post("/v1/workspaces", {"name": "Team", "monthlyTaskLimit": 5})).json

    everything = (await alice.get(WORKSPACES)).json
    shared = (await alice.get(f"{WORKSPACES}?type=SHARED")).json["elements"]
    own = (await carol.get(f"{WORKSPACES}?type=PERSONAL")).json["elements"]

    assert {one["type"] for one in everything["elements"]} == {"Organization", "Embedded", "Personal", "Shared"}
    assert everything["pageInfo"]["hasNextPage"] is False
    assert shared == [{"id": made["id"], "name": "Team", "type": "Shared", "monthlyTaskLimit": 5}]
    assert [one["name"] for one in own] == ["carol"]
    assert (await alice.get(f"{WORKSPACES}/{made['id']}")).json == shared[0]
    assert (await alice.get(f"{WORKSPACES}?type=Nonsense")).status == 400


async def test_people_are_taken_into_a_workspace_and_out_again(hub: Hub, alice: Person) -> None:
    carol = await member(hub, alice, "carol", Role.VIEWER)
    carol_id = (await carol.get("/v1/me")).json["id"]
    team = f"{WORKSPACES}/{(await alice.post('/v1/workspaces', {'name': 'Team'})).json['id']}"
    assert (await carol.get(team)).status == 404

    taken = await alice.post(f"{team}/users", {"userId": carol_id, "roleId": role_id(Role.VIEWER, "workspace")})

    assert (taken.status, taken.json) == (200, {})
    assert (await carol.get(team)).status == 200
    in_it = (await carol.get(f"{team}/users")).json["elements"]
    assert [(one["name"], one["role"]["name"]) for one in in_it] == [("carol", "Viewer")]
    assert (await carol.get(f"{team}/users/{carol_id}")).json == in_it[0]
    roles = (await carol.get(f"{team}/roles")).json["elements"]
    assert [one["name"] for one in roles] == ["Admin", "Contributor", "Viewer"]

    change = {"roleId": role_id(Role.ADMIN, "workspace")}
    assert (await carol.put(f"{team}/users/{carol_id}", change)).status == 403
    assert (await alice.put(f"{team}/users/{carol_id}", change)).json == {}
    assert (await carol.put(f"{team}/users/{carol_id}", change)).json == {}

    removed = await alice.delete(f"{team}/users/{carol_id}")
    assert (removed.status, removed.json) == (200, {})
    assert (await alice.get(f"{team}/users/{carol_id}")).status == 404
    assert (await carol.get(team)).status == 404


async def test_nobody_is_taken_into_somebodys_personal_workspace(hub: Hub, alice: Person) -> None:
    carol = await member(hub, alice, "carol")
    [own] = (await carol.get(f"{WORKSPACES}?type=Personal")).json["elements"]
    alice_id = (await alice.get("/v1/me")).json["id"]
    body = {"userId": alice_id, "roleId": role_id(Role.ADMIN, "workspace")}

    for person in (alice, carol):
        assert (await person.post(f"{WORKSPACES}/{own['id']}/users", body)).status == 409


async def test_charlies_people_and_workspaces_are_not_alices(hub: Hub, alice: Person, charlie: Person) -> None:
    erin = await member(hub, charlie, "erin")
    erin_id = (await erin.get("/v1/me")).json["id"]
    team = (await alice.post("/v1/workspaces", {"name": "Team"})).json["id"]

    assert "erin" not in str((await alice.get(USERS)).json)
    assert "Team" not in str((await charlie.get(WORKSPACES)).json)
    body = {"userId": erin_id, "roleId": role_id(Role.ADMIN, "workspace")}
    assert (await alice.post(f"{WORKSPACES}/{team}/users", body)).status == 404


async def test_end_users_see_nobody(bob: Person) -> None:
    for path in (USERS, WORKSPACES, "/core/v1/roles"):
        assert (await bob.get(path)).status == 403
