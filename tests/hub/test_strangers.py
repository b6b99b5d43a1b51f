"""Every id in every address, asked for by everybody. The table is held against /openapi.json.

A new address with an id in it fails here until it has its row. (GraphQL has a table of its own.)
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from jackfield_hub.app import ROUTERS
from jackfield_hub.calls.openapi import describe_call_path
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.identity.shapes import Role
from jackfield_hub.openapi import describe_api
from jackfield_hub.settings import Settings
from tests.conftest import Ground
from tests.hub.connectors import connector_zip, deploy_and_wait
from tests.hub.people import Answer, Person, end_user, front_door, member, person_of, role_id

UNKNOWN = "11111111-2222-4333-8444-555555555555"
VIEWER = role_id(Role.VIEWER, "workspace")

MAY = "may"  #: it is done, or would be, were the request a good one
HIDDEN = "hidden"  #: 404, in the very words in which the same is said of what is not there
FORBIDDEN = "forbidden"  #: 403, whether it is there or not
OUT = "out"  #: 401
SAME = "same"  #: whatever is answered, it is the same whether it is there or not

#: maker: the program the connector belongs to; ann: the end user the auth belongs to.
NOBODY = {"revoked": OUT, "nobody": OUT}
PEOPLE = ("stranger", "their program", "bob", "ann", "viewer", "contributor", "maker", "admin", "master")


@dataclass(frozen=True)
class Row:
    """What everybody is told who asks for what is Alice's."""

    told: dict[str, str]
    body: Any = None
    ids: dict[str, str] = field(default_factory=dict[str, str])  #: instead of the world's
    query: str = ""


def row(outside: str, end_users: str, *colleagues: str, body: Any = None, **more: Any) -> Row:
    """One row: what is told to strangers, to end users, and to viewer, contributor, maker, admin and master."""
    told = dict(zip(PEOPLE, (outside, outside, end_users, end_users, *colleagues), strict=True))
    return Row({**told, **more.pop("but", {}), **NOBODY}, body, **more)


SHARE = (HIDDEN, FORBIDDEN, FORBIDDEN, HIDDEN, MAY, HIDDEN, HIDDEN)
PEOPLE_SEEN = (HIDDEN, FORBIDDEN, MAY, MAY, MAY, MAY, MAY)
PEOPLE_MANAGED = (FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, MAY, MAY)
TEAM_SEEN = (HIDDEN, FORBIDDEN, HIDDEN, HIDDEN, HIDDEN, MAY, MAY)
MANAGED = {"stranger": HIDDEN}  # who manages people elsewhere does not find these
OF_ANN = (HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN)
ANN = {"ann": MAY}
SERVICE_SEEN = (FORBIDDEN, FORBIDDEN, MAY, MAY, MAY, MAY)
SERVICE_MOVED = (FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, MAY, MAY)  # it has an auth: Ann's

OF_ANNS_CALL = (HIDDEN, HIDDEN, MAY, MAY, MAY, MAY, MAY)

CORE, OWN = "/core/v1/connectors/{name}/versions/{version}", "/v1/connectors/{name}/versions/{version}"
DEPLOYMENTS = "/cdk/v1/deployments/connectors/{name}/versions/{version}"
PERMISSIONS = "/cdk/v1/permissions/connectors/{name}/versions/{version}"
SERVICE = "/v1/services/{name}/versions/{version}"
AUTH = "/core/v1/authentications/{auth_id}"
NAMESPACE = "/v1/organizations/{organization_id}/namespace"
WORKSPACE = "/core/v1/workspaces/{workspace_id}"
IN_WORKSPACE = f"{WORKSPACE}/users/{{user_id}}"
USER = "/core/v1/users/{user_id}"
OF_SERVICE = {"version": "1"}

TABLE: dict[str, Row] = {
    f"GET {CORE}/operations": row(HIDDEN, MAY, HIDDEN, HIDDEN, MAY, HIDDEN, MAY),
    f"GET {OWN}/log": row(HIDDEN, FORBIDDEN, FORBIDDEN, HIDDEN, MAY, HIDDEN, MAY),
    f"POST {CORE}/call": row(HIDDEN, MAY, FORBIDDEN, HIDDEN, MAY, HIDDEN, MAY, body={"operation": "say", "input": {}}),
    f"POST {DEPLOYMENTS}/deploy-connector-from-source": row(
        SAME, FORBIDDEN, FORBIDDEN, SAME, SAME, SAME, SAME, body={"connectorSourceCode": "bm8gemlw"}
    ),
    f"GET {DEPLOYMENTS}/{{deployment_id}}": row(HIDDEN, FORBIDDEN, FORBIDDEN, HIDDEN, MAY, HIDDEN, MAY),
    f"POST {PERMISSIONS}/share-with-emails": row(*SHARE, body={"emails": ["dave@example.com"]}),
    f"POST {PERMISSIONS}/share-with-workspaces": row(*SHARE, body={"workspaceIds": [UNKNOWN]}),
    f"GET {PERMISSIONS}": row(*SHARE),
    f"DELETE {OWN}/permissions/{{email}}": row(*SHARE),
    f"GET /core{SERVICE}/environments": row(HIDDEN, MAY, MAY, MAY, MAY, MAY, MAY, ids=OF_SERVICE),
    f"GET {SERVICE}": row(HIDDEN, *SERVICE_SEEN, ids=OF_SERVICE),
    f"PUT {SERVICE}": row(HIDDEN, *SERVICE_MOVED, ids=OF_SERVICE, body={"title": "Acme"}),
    f"DELETE {SERVICE}": row(HIDDEN, *SERVICE_SEEN, ids=OF_SERVICE),
    f"POST {SERVICE}/environments": row(HIDDEN, *SERVICE_SEEN, ids=OF_SERVICE, body={"title": "Sandbox"}),
    f"PUT {SERVICE}/environments/{{environment_id}}": row(
        HIDDEN, *SERVICE_MOVED, ids=OF_SERVICE, body={"title": "Production"}
    ),
    "GET /v1/calls/{call_id}": row(*OF_ANNS_CALL, but=ANN),
    f"GET {AUTH}": row(*OF_ANN, but=ANN),
    f"GET {AUTH}/full": row(*OF_ANN, but=ANN),
    f"PUT {AUTH}": row(*OF_ANN, but=ANN, body={"name": "Mine", "credentials": {}, "userData": {}}),
    f"DELETE {AUTH}": row(*OF_ANN, but=ANN),
    "DELETE /v1/tokens/{token_id}": row(HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN, MAY, MAY),
    "DELETE /v1/files/{file_id}": row(HIDDEN, HIDDEN, FORBIDDEN, MAY, MAY, MAY, MAY),
    # Who has a link needs no token; who has none is told the same with any.
    "GET /v1/files/{file_id}": Row(
        dict.fromkeys((*PEOPLE, *NOBODY), SAME), query=f"?expires=9999999999&signature={'0' * 64}"
    ),
    f"GET {NAMESPACE}": row(*PEOPLE_SEEN),
    f"POST {NAMESPACE}": row(*PEOPLE_MANAGED, but=MANAGED, body={"namespace": "acme"}),
    f"GET {USER}": row(*PEOPLE_SEEN),
    f"DELETE {USER}": row(*PEOPLE_MANAGED, but=MANAGED),
    f"PUT {USER}/roles": row(*PEOPLE_MANAGED, but=MANAGED, body={"roleId": role_id(Role.VIEWER)}),
    "POST /v1/invites/{invite_id}/link": row(*PEOPLE_MANAGED, but=MANAGED),
    f"GET {WORKSPACE}": row(*TEAM_SEEN),
    f"GET {WORKSPACE}/roles": row(*TEAM_SEEN),
    f"GET {WORKSPACE}/users": row(*TEAM_SEEN),
    f"POST {WORKSPACE}/users": row(*TEAM_SEEN, body={"userId": UNKNOWN, "roleId": VIEWER}),
    f"GET {IN_WORKSPACE}": row(*TEAM_SEEN),
    f"PUT {IN_WORKSPACE}": row(*TEAM_SEEN, body={"roleId": VIEWER}),
    f"DELETE {IN_WORKSPACE}": row(*TEAM_SEEN),
}


@dataclass(frozen=True)
class World:
    """A data folder, to be copied, with something of everything that has an id; and everybody's tokens."""

    settings: Settings
    ids: dict[str, str]
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def world(ground: Ground, lasting_copy_of: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world") / "data"
    shutil.copytree(ground.folder, folder)
    settings = Settings(
        data_dir=folder, database=lasting_copy_of(ground.database), requests_per_second=0, drain_seconds=1
    )
    return asyncio.run(_make_world(ground, settings))


async def _make_world(ground: Ground, settings: Settings) -> World:
    async with open_hub(settings) as hub, front_door(hub) as session:
        alice, charlie = person_of(ground.alices, session), person_of(ground.charlies, session)
        people = {
            "stranger": charlie,
            "their program": charlie.program,
            "bob": await end_user(hub, alice, "bob"),
            "ann": await end_user(hub, alice, "ann"),
            "viewer": await member(hub, alice, "victor", Role.VIEWER),
            "contributor": await member(hub, alice, "carol"),
            "maker": alice.program,
            "admin": await member(hub, alice, "anne", Role.ADMIN),
            "master": alice,
            "revoked": await member(hub, alice, "rita", Role.ADMIN),
        }
        ids = await _make_things(people)
        return World(settings, ids, {name: person.token for name, person in people.items()} | {"nobody": ""})


async def _make_things(people: dict[str, Person]) -> dict[str, str]:
    """Make what has an id, and return the ids by the names they have in addresses."""
    alice, ann = people["master"], people["ann"]
    deployment = await deploy_and_wait(people["maker"], connector_zip())
    environments = (await ann.get("/core/v1/services/acme/versions/1/environments")).json["elements"]
    dave = {"name": "Dave", "email": "dave@example.com", "organizationRoleId": role_id(Role.VIEWER)}
    dave_id = await made(alice, "/core/v1/users", dave)
    workspace_id = await made(alice, "/v1/workspaces", {"name": "Team"})
    await alice.post(f"/core/v1/workspaces/{workspace_id}/users", {"userId": dave_id, "roleId": VIEWER})
    await people["maker"].post(
        f"{PERMISSIONS.format(name='acme', version='1.0')}/share-with-emails", {"emails": [dave["email"]]}
    )
    await alice.post(NAMESPACE.format(organization_id=alice.organization_id), {"namespace": "acme"})
    program_id = await made(alice, "/v1/api-users", {"name": "robot"})
    ritas_id = (await people["revoked"].get("/v1/me")).json["id"]
    assert (await alice.delete(f"/core/v1/users/{ritas_id}")).status == 204
    auth = {"name": "Mine", "serviceEnvironmentId": environments[0]["id"]}
    invitation = {"email": "erin@example.com", "organizationRoleId": role_id(Role.VIEWER)}
    await ann.post(f"{CORE.format(name='acme', version='1.0')}/call", {"operation": "say", "input": {}})
    return {
        "call_id": (await ann.get("/v1/calls")).json["elements"][0]["id"],
        "name": "acme",
        "version": "1.0",
        "deployment_id": deployment["id"],
        "email": dave["email"],
        "environment_id": environments[0]["id"],
        "auth_id": await made(ann, "/core/v1/authentications", auth),
        "token_id": await made(alice, "/v1/tokens", {"name": "robot", "userId": program_id}),
        "organization_id": alice.organization_id,
        "user_id": dave_id,
        "invite_id": (await alice.post("/core/v1/invites", invitation)).json["inviteId"],
        "workspace_id": workspace_id,
        "file_id": urlsplit((await alice.post("/v1/files", {})).json["url"]).path.rpartition("/")[2],
    }


async def made(person: Person, path: str, body: Any) -> str:
    answer = await person.post(path, body)
    assert answer.status == 200, answer.body
    return answer.json["id"]


@pytest.fixture
def settings(world: World, copy_of: Callable[[str], str], tmp_path: Path) -> Settings:
    shutil.copytree(world.settings.data_dir, tmp_path / "data")
    return Settings(
        data_dir=tmp_path / "data",
        database=copy_of(world.settings.database),
        requests_per_second=0,
        organization_requests_per_second=0,
        drain_seconds=1,
    )


@pytest.mark.parametrize("address", TABLE)
async def test_everybody_is_told_what_is_theirs_to_know(
    hub: Hub, door: aiohttp.ClientSession, world: World, address: str
) -> None:
    asked = TABLE[address]
    ids = {**world.ids, **asked.ids}

    for name in sorted(asked.told, key=lambda name: asked.told[name] == MAY):
        person = Person(door, "", world.tokens[name])
        real, unknown = [await ask(person, address + asked.query, those, asked.body) for those in (ids, NOTHING)]

        assert verdict(real, unknown, asked.told[name]), (name, asked.told[name], real, unknown)


IDS = ("deployment", "environment", "auth", "token", "user", "invite", "organization", "workspace", "call", "file")
NOTHING = {"name": "nope", "version": "9", "email": "nobody@example.com", **{f"{what}_id": UNKNOWN for what in IDS}}


async def ask(person: Person, address: str, ids: dict[str, str], body: Any) -> tuple[int, bytes]:
    """Return status and body of the answer, without the ids one has sent."""
    method, _, path = address.partition(" ")
    answer: Answer = await person.send(method, path.format(**ids), orjson.dumps(body) if body is not None else None)
    content = answer.body
    for key in sorted(ids, key=lambda key: -len(ids[key])):
        content = content.replace(ids[key].encode(), b"<id>")
    return answer.status, content


def verdict(real: tuple[int, bytes], unknown: tuple[int, bytes], told: str) -> bool:
    """Tell whether this is what somebody should have been told."""
    if told == OUT:
        return real == unknown == (401, b'{"message":"The request is unauthorized"}')
    if told == FORBIDDEN:
        return real[0] == 403
    if told == MAY:
        return real[0] not in (401, 403)
    return real == unknown and (told == SAME or real[0] == 404)


def test_every_address_with_an_id_has_its_row() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    described = describe_api("", routes, describe_call_path())["paths"]
    with_ids = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods if "{" in path}

    assert with_ids == set(TABLE)


@pytest.mark.parametrize("path", ["/internal", "/cdk"])
def test_other_forms_of_an_address_are_served_by_the_same_functions(path: str) -> None:
    routes: list[Any] = [route for router in ROUTERS for route in router.routes]
    described = {route.endpoint for route in routes if route.include_in_schema}

    assert all(route.endpoint in described for route in routes if route.path.startswith(path))
