"""What one hub does, the other hub on the same database knows: before its users could notice that there are two."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.identity.shapes import Role
from tests.hub.connectors import connector_zip, deploy, deploy_and_wait, deployment_path, wait_until_finished
from tests.hub.people import Answer, Person, role_id
from tests.hub.processes import COMMAND, free_port, spawn
from tests.hub.shop import answering
from tests.hub.two_hubs import TwoHubs, program_of, soon, two_hubs

CALL = "/core/v1/connectors/acme/versions/1.0/call"
SAY = {"operation": "say", "input": {}}
SHARE = "/cdk/v1/permissions/connectors/acme/versions/1.0"


@pytest.fixture(params=["sqlite", "postgres"])
async def hubs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[TwoHubs]:
    database = request.getfixturevalue("postgres").new_database() if request.param == "postgres" else ""
    async with two_hubs(tmp_path, database) as hubs:
        yield hubs


async def words(person: Person) -> str | None:
    answer = await person.post(CALL, SAY)
    return answer.json["output"]["words"] if answer.status == 200 else None


async def test_a_revoked_token_and_a_removed_user_are_refused_by_the_other(hubs: TwoHubs) -> None:
    alice = hubs.alice
    _, robot, token_id = await program_of(alice, "robot", role_id(Role.CONTRIBUTOR))
    user_id, leaver, _ = await program_of(alice, "leaver", role_id(Role.CONTRIBUTOR))
    for person in (robot, leaver):
        assert (await hubs.elsewhere(person).get("/v1/me")).status == 200

    assert (await alice.delete(f"/v1/tokens/{token_id}")).status == 204
    assert (await alice.delete(f"/core/v1/users/{user_id}")).status == 204

    for person in (robot, leaver):

        async def is_refused(person: Person = person) -> bool:
            return (await hubs.elsewhere(person).get("/v1/me")).status == 401

        await soon(is_refused)


async def test_another_role_is_another_role_at_the_other(hubs: TwoHubs) -> None:
    user_id, robot, _ = await program_of(hubs.alice, "robot", role_id(Role.CONTRIBUTOR))
    assert (await hubs.elsewhere(robot).get("/v1/services")).status == 200

    changed = await hubs.alice.put(f"/core/v1/users/{user_id}/roles", {"roleId": role_id(Role.VIEWER)})

    assert changed.status in (200, 204), changed.body

    async def is_forbidden() -> bool:
        return (await hubs.elsewhere(robot).get("/v1/services")).status == 403

    await soon(is_forbidden)


async def test_what_is_deployed_or_shared_at_one_is_called_at_the_other(hubs: TwoHubs) -> None:
    _, robot, _ = await program_of(hubs.alice, "robot", role_id(Role.CONTRIBUTOR))
    _, guest, _ = await program_of(hubs.alice, "guest", role_id(Role.CONTRIBUTOR))
    there, guest_there = hubs.elsewhere(robot), hubs.elsewhere(guest)
    assert (await deploy_and_wait(robot, connector_zip(words="old")))["deploymentStatus"] == "Deployed"

    async def is_old() -> bool:
        return await words(there) == "old"

    await soon(is_old)
    assert (await guest_there.post(CALL, SAY)).status == 404
    assert (await robot.post(f"{SHARE}/share-with-emails", {"emails": ["guest@example.com"]})).status == 200

    async def is_shared() -> bool:
        return await words(guest_there) == "old"

    await soon(is_shared)
    assert (await robot.delete(f"/v1/connectors/acme/versions/1.0/permissions/guest@example.com")).status == 204

    async def is_not_shared() -> bool:
        return (await guest_there.post(CALL, SAY)).status == 404

    await soon(is_not_shared)
    assert (await deploy_and_wait(robot, connector_zip(words="new")))["deploymentStatus"] == "Deployed"

    async def is_new() -> bool:
        return await words(there) == "new"

    await soon(is_new)


async def test_an_auth_and_a_service_that_change_at_one_have_changed_at_the_other(hubs: TwoHubs) -> None:
    async def answer(request: Any) -> Any:
        return await shop_answer(request)

    async with answering(answer) as url:
        await deploy_and_wait(hubs.alice, connector_zip(files=asking(url)))
        there = hubs.elsewhere(hubs.alice)
        environments = await hubs.alice.get("/core/v1/services/acme/versions/1/environments")
        wanted = {"name": "one", "serviceEnvironmentId": environments.json["elements"][0]["id"]}
        auth_id = (await hubs.alice.post("/core/v1/authentications", wanted)).json["id"]
        path, ask = f"/core/v1/authentications/{auth_id}", {"operation": "ask", "input": {}, "authId": auth_id}
        assert (await there.get(path)).json["name"] == "one"

        async def outcome() -> str:
            return (await there.post(CALL, ask)).json.get("outcome", "refused")

        assert await outcome() == "success"
        service = {"title": "Acme", "baseUrl": "https://elsewhere.example"}
        assert (await hubs.alice.put("/v1/services/acme/versions/1", service)).status == 200

        async def may_not_ask() -> bool:
            return await outcome() == "error"

        await soon(may_not_ask)
        changed = {"name": "two", "credentials": {}}
        assert (await hubs.alice.put(path, changed)).status == 200

        async def is_renamed() -> bool:
            return (await there.get(path)).json["name"] == "two"

        await soon(is_renamed)
        assert (await hubs.alice.delete(path)).status == 204

        async def is_gone() -> bool:
            return (await there.get(path)).status == 404

        await soon(is_gone)


def asking(url: str) -> dict[str, str]:
    """Return files of a connector whose `ask` asks this service."""
    operation = """
from acme.connector import acme
from jackfield import Http


@acme.operation
def ask(http: Http) -> dict:
    \"\"\"Ask the service.\"\"\"
    return http.get("/").json()
"""
    connector = f"from jackfield import Connector\n\nacme = Connector({url!r})\n"
    return {"acme/connector.py": connector, "acme/operations/ask.py": operation}


async def shop_answer(_request: Any) -> Any:
    from aiohttp import web

    return web.json_response({"ok": True})
