"""Auths API: credentials come in, are sealed, and are never answered."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.people import Person, end_user, program
from tests.hub.shop import KEY, put_in_place
from tests.hub.stored import all_that_is_stored

AUTHS = "/core/v1/authentications"


async def environment_id(person: Person, name: str = "shop") -> str:
    answer = await person.get(f"/core/v1/services/{name}/versions/1/environments")
    return answer.json["elements"][0]["id"]


@pytest.fixture
async def wanted(hub: Hub, alice: Person) -> dict[str, Any]:
    """What Alice posts for her shop."""
    await put_in_place(hub, alice.organization_id, "https://{shop}.example.com", sign_in='ApiKey("X-Key")')
    return {
        "name": "My shop",
        "serviceEnvironmentId": await environment_id(alice),
        "userData": {"shop": "hammers"},
        "credentials": {"apiKey": KEY},
        "scopes": ["read", "write"],
    }


async def test_an_auth_is_stored_looked_at_and_forgotten(alice: Person, wanted: dict[str, Any]) -> None:
    stored = await alice.post(AUTHS, wanted)
    assert stored.status == 200
    assert stored.json.keys() == {"id"}
    auth_id = str(uuid.UUID(stored.json["id"]))

    seen = await alice.get(f"{AUTHS}/{auth_id}")
    assert seen.status == 200
    assert seen.json == {
        "id": auth_id,
        "name": "My shop",
        "serviceEnvironmentId": wanted["serviceEnvironmentId"],
        "scopes": ["read", "write"],
    }

    gone = await alice.delete(f"{AUTHS}/{auth_id}")
    assert (gone.status, gone.body) == (204, b"")
    for answer in (await alice.get(f"{AUTHS}/{auth_id}"), await alice.delete(f"{AUTHS}/{auth_id}")):
        assert answer.status == 404
        assert auth_id in answer.json["message"]


async def test_no_secret_is_on_the_disk_in_the_clear(alice: Person, wanted: dict[str, Any], settings: Settings) -> None:
    await alice.post(AUTHS, wanted)

    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    on_the_disk = [*(read(path) for path in files), all_that_is_stored(settings)]
    assert any(alice.organization_id.encode() in content for content in on_the_disk)
    assert not [content for content in on_the_disk if any(text in content for text in (KEY.encode(), b"hammers"))]


def read(path: Path) -> bytes:
    return path.read_bytes()


MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"credentials": {}}, "#: required key [apiKey] not found"),
    ({"credentials": {"apiKey": 5}}, "#/apiKey: expected type: String, found: Integer"),
    ({"credentials": {"apiKey": KEY, "more": "x"}}, "more"),
    ({"userData": {}}, "#: required key [shop] not found"),
    ({"name": 5}, "name"),
    ({"name": ""}, "name"),
    ({"name": "line\nbreak"}, "name"),
    ({"name": "x" * 300}, "name"),
    ({"credentials": [KEY]}, "credentials"),
    ({"scopes": "read"}, "scopes"),
    ({"scopes": ["read", "read"]}, "scopes"),
    ({"serviceEnvironmentId": None}, "serviceEnvironmentId"),
]


async def test_what_does_not_fit_is_refused_and_not_repeated(alice: Person, wanted: dict[str, Any]) -> None:
    for change, problem in MISFITS:
        answer = await alice.post(AUTHS, {**wanted, **change})

        assert answer.status == 400, change
        assert problem in answer.json["message"]
        assert KEY not in answer.body.decode()


async def test_a_missing_field_is_named(alice: Person, wanted: dict[str, Any]) -> None:
    for missing in ("name", "serviceEnvironmentId"):
        answer = await alice.post(AUTHS, {name: value for name, value in wanted.items() if name != missing})

        assert answer.status == 400
        assert missing in answer.json["message"]


NO_OBJECTS = [b"", b"{", b"[]", b"null", b'"text"', b'{"name": NaN}', b'{"name": "\\ud800"}', b"\xff\xfe", b"[" * 5000]


async def test_a_body_that_is_no_object_is_refused(alice: Person, wanted: dict[str, Any]) -> None:
    for body in NO_OBJECTS:
        answer = await alice.send("POST", AUTHS, body)

        assert answer.status == 400, body
        assert answer.json["message"].startswith("Invalid value for: body (")


async def test_credentials_nested_without_end_are_refused(hub: Hub, alice: Person) -> None:
    await put_in_place(hub, alice.organization_id, "https://open.example", name="open")
    opening = orjson.dumps({"name": "x", "serviceEnvironmentId": await environment_id(alice, "open")})[:-1]

    body = opening + b',"credentials":{"a":' + b"[" * 300 + b"]" * 300 + b"}}"

    assert (await alice.send("POST", AUTHS, body)).status == 400


async def test_json_is_taken_whatever_its_label(alice: Person, wanted: dict[str, Any]) -> None:
    for label in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"):
        answer = await alice.send("POST", AUTHS, orjson.dumps(wanted), {"Content-Type": label})

        assert answer.status == 200


async def test_an_unknown_environment_is_not_found(alice: Person, wanted: dict[str, Any]) -> None:
    for unknown in (str(uuid.uuid4()), "nonsense"):
        answer = await alice.post(AUTHS, {**wanted, "serviceEnvironmentId": unknown})

        assert answer.status == 404


async def test_an_end_users_auth_is_that_users_alone(hub: Hub, alice: Person, wanted: dict[str, Any]) -> None:
    bob, dora = await end_user(hub, alice, "bob"), await end_user(hub, alice, "dora")
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]

    assert (await bob.get(f"{AUTHS}/{auth_id}")).status == 200
    for other in (alice, dora):
        for answer in (await other.get(f"{AUTHS}/{auth_id}"), await other.delete(f"{AUTHS}/{auth_id}")):
            assert answer.status == 403
            assert answer.json["message"] == "The request is forbidden"


async def test_the_organizations_tokens_share_its_auths(
    hub: Hub, alice: Person, bob: Person, wanted: dict[str, Any]
) -> None:
    auth_id = (await alice.post(AUTHS, wanted)).json["id"]

    assert (await (await program(hub, alice, "ci")).get(f"{AUTHS}/{auth_id}")).status == 200
    assert (await bob.get(f"{AUTHS}/{auth_id}")).status == 403


async def test_charlie_finds_neither_alices_environment_nor_her_auth(
    alice: Person, charlie: Person, wanted: dict[str, Any]
) -> None:
    auth_id = (await alice.post(AUTHS, wanted)).json["id"]

    assert (await charlie.post(AUTHS, wanted)).status == 404
    assert (await charlie.get(f"{AUTHS}/{auth_id}")).status == 404
    assert (await charlie.delete(f"{AUTHS}/{auth_id}")).status == 404
    assert (await alice.get(f"{AUTHS}/{auth_id}")).status == 200


async def test_without_a_token_nothing_is_stored(alice: Person, wanted: dict[str, Any]) -> None:
    answer = await alice.without_token().post(AUTHS, wanted)

    assert answer.status == 401
    assert answer.json == {"message": "The request is unauthorized"}
