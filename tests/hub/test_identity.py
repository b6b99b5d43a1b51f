"""Tokens: who they let in, and who they keep out."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from jackfield_hub.errors import Conflict, Forbidden, NotFound, Unauthorized
from jackfield_hub.hub import Hub
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.shapes import CallerKind, Role
from jackfield_hub.identity.tokens import is_well_formed, make_token
from tests.hub.people import Person, program, role_id
from tests.hub.stored import IS_POSTGRES, all_that_is_stored

DAY_SECONDS = 24 * 3600.0


async def test_the_master_token_is_its_organizations_owner(alice: Person) -> None:
    answer = await alice.get("/v1/me")

    assert answer.status == 200
    assert answer.json == {
        "id": answer.json["username"],
        "username": answer.json["id"],
        "name": "alice",
        "email": "alice@example.com",
        "organizationId": alice.organization_id,
        "kind": "master",
    }


async def test_an_end_user_and_a_program_are_themselves(alice: Person, bob: Person) -> None:
    user, machine = (await bob.get("/v1/me")).json, (await alice.program.get("/v1/me")).json

    assert (user["kind"], user["name"], user["organizationId"]) == ("user", "bob", alice.organization_id)
    assert (machine["kind"], machine["organizationId"]) == ("api", alice.organization_id)
    assert len({user["id"], machine["id"], (await alice.get("/v1/me")).json["id"]}) == 3


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic dXNlcjpwYXNz",
        pytest.param(f"Bearer {make_token(CallerKind.MASTER).text}", id="unknown"),
        pytest.param(f"Bearer {make_token(CallerKind.MASTER).text[:-1]}", id="cut short"),
        "Bearer jf_master_' OR 1=1 --",
        "Bearer \xff\xfe",
    ],
)
async def test_whoever_has_no_good_token_is_told_nothing_but_that(
    door: aiohttp.ClientSession, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    async with door.get("/v1/me", headers=headers) as answer:
        assert answer.status == 401
        assert await answer.read() == b'{"message":"The request is unauthorized"}'


async def test_the_word_bearer_may_be_written_in_any_case(alice: Person) -> None:
    answer = await alice.without_token().get("/v1/me", authorization=f"bEARER  {alice.token} ")

    assert answer.status == 200


async def test_a_revoked_token_is_refused_at_once(hub: Hub, alice: Person) -> None:
    machine = await program(hub, alice, "robot")
    assert (await machine.get("/v1/me")).status == 200
    [token] = [one for one in (await alice.get("/v1/tokens")).json["elements"] if one["name"] == "robot"]

    assert (await alice.delete(f"/v1/tokens/{token['id']}")).status == 204

    assert (await machine.get("/v1/me")).status == 401
    assert (await alice.delete(f"/v1/tokens/{token['id']}")).status == 404


async def test_charlie_cannot_revoke_alices_token_nor_make_tokens_for_her_users(
    hub: Hub, alice: Person, charlie: Person
) -> None:
    owner = await identity.identify(hub, f"Bearer {alice.token}")
    stranger = await identity.identify(hub, f"Bearer {charlie.token}")
    bob_id = await identity.create_end_user(hub, owner, "Bob", "bob-1")

    for token in (await alice.get("/v1/tokens")).json["elements"]:
        assert (await charlie.delete(f"/v1/tokens/{token['id']}")).status == 404
    with pytest.raises(NotFound):
        await identity.create_user_token(hub, stranger, bob_id)
    assert (await alice.get("/v1/me")).status == 200


async def test_only_the_master_token_makes_users_and_tokens_for_them(hub: Hub, alice: Person, bob: Person) -> None:
    bob_id = (await bob.get("/v1/me")).json["id"]
    for person in (bob, alice.program):
        caller = await identity.identify(hub, f"Bearer {person.token}")

        with pytest.raises(Forbidden):
            await identity.create_end_user(hub, caller, "Eve", "eve-1")
        with pytest.raises(Forbidden):
            await identity.create_user_token(hub, caller, bob_id)


async def test_an_external_id_is_used_once_in_an_organization_and_again_in_another(
    hub: Hub, alice: Person, charlie: Person
) -> None:
    owner = await identity.identify(hub, f"Bearer {alice.token}")
    stranger = await identity.identify(hub, f"Bearer {charlie.token}")
    await identity.create_end_user(hub, owner, "Bob", "bob-1")

    with pytest.raises(Conflict):
        await identity.create_end_user(hub, owner, "Bob the other", "bob-1")
    await identity.create_end_user(hub, stranger, "Bob", "bob-1")


async def test_a_user_token_ends_after_two_days(hub: Hub, alice: Person) -> None:
    owner = await identity.identify(hub, f"Bearer {alice.token}")
    bob_id = await identity.create_end_user(hub, owner, "Bob", "bob-1")
    created_at = hub.clock()
    first, second = [await identity.create_user_token(hub, owner, bob_id) for _ in range(2)]

    hub.clock = lambda: created_at + 2 * DAY_SECONDS - 1
    assert (await identity.identify(hub, f"Bearer {first.text}")).user_id == bob_id

    hub.clock = lambda: created_at + 2 * DAY_SECONDS + 60
    with pytest.raises(Unauthorized):
        await identity.identify(hub, f"Bearer {second.text}")


async def test_a_token_is_remembered_no_longer_than_it_lives(hub: Hub, alice: Person) -> None:
    token = await identity.create_api_token(hub, alice.organization_id, "robot", expires_at=hub.clock() + 0.3)
    assert (await identity.identify(hub, f"Bearer {token.text}")).kind is CallerKind.API

    await asyncio.sleep(0.4)

    with pytest.raises(Unauthorized):
        await identity.identify(hub, f"Bearer {token.text}")


async def test_an_api_token_ends_when_it_was_told_to(hub: Hub, alice: Person) -> None:
    token = await identity.create_api_token(hub, alice.organization_id, "robot", expires_at=hub.clock() - 1)

    with pytest.raises(Unauthorized):
        await identity.identify(hub, f"Bearer {token.text}")


@pytest.mark.skipif(not IS_POSTGRES, reason="SQLite takes any text")
async def test_a_name_the_database_does_not_take_is_a_mistake_of_its_sender(alice: Person) -> None:
    wanted = {"name": "a\0b", "email": "a@example.com", "organizationRoleId": role_id(Role.CONTRIBUTOR)}

    answer = await alice.post("/core/v1/users", wanted)

    assert (answer.status, answer.json["code"]) == (400, "invalid_input")


async def test_nothing_a_token_could_be_read_from_is_stored(hub: Hub, alice: Person, bob: Person) -> None:
    stored = all_that_is_stored(hub.settings)

    for person in (alice, bob, alice.program):
        assert person.token.encode() not in stored
        assert person.token.split("_")[2].encode() not in stored
    assert b"correct horse battery" not in stored


def test_a_token_says_what_it_is_and_a_mistyped_one_is_noticed() -> None:
    text = make_token(CallerKind.END_USER).text

    assert text.startswith("jf_user_")
    assert is_well_formed(text)
    for place in range(len(text)):
        other = "a" if text[place] != "a" else "b"
        assert not is_well_formed(text[:place] + other + text[place + 1 :])
