"""What one hub does, the other hub on the same database knows: before its users could notice that there are two."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncGenerator, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from examples.servers.postgres import Postgres, name_of
from jackfield_hub.idempotency.shapes import REPLAYED_HEADER as REPLAYED
from jackfield_hub.identity.shapes import Role
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy, deploy_and_wait, wait_until_finished
from tests.hub.partition import wire_to
from tests.hub.people import Answer, Person, role_id
from tests.hub.processes import COMMAND, HubProcess, free_port, spawn, start
from tests.hub.shop import answering
from tests.hub.stored import stored
from tests.hub.two_hubs import TwoHubs, doors_of, hub_pair, program_of, soon, two_hubs

CALL = "/core/v1/connectors/acme/versions/1.0/call"
SAY = {"operation": "say", "input": {}}
SHARE = "/cdk/v1/permissions/connectors/acme/versions/1.0"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[HubProcess, HubProcess]]:
    """The processes of two hubs, for all tests that leave them as they are."""
    database = request.getfixturevalue("postgres").new_database() if request.param == "postgres" else ""
    with hub_pair(tmp_path_factory.mktemp("pair"), database) as pair:
        yield pair


@pytest.fixture
async def hubs(pair: tuple[HubProcess, HubProcess]) -> AsyncGenerator[TwoHubs]:
    async with doors_of(*pair) as hubs:
        yield hubs


async def words(person: Person) -> str | None:
    answer = await person.post(CALL, SAY)
    return answer.json["output"]["words"] if answer.status == 200 else None


async def test_a_revoked_token_and_a_removed_user_are_refused_by_the_other(hubs: TwoHubs) -> None:
    alice = hubs.alice
    _, robot, token_id = await program_of(alice, "revoked", role_id(Role.CONTRIBUTOR))
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
    user_id, robot, _ = await program_of(hubs.alice, "demoted", role_id(Role.CONTRIBUTOR))
    assert (await hubs.elsewhere(robot).get("/v1/services")).status == 200

    changed = await hubs.alice.put(f"/core/v1/users/{user_id}/roles", {"roleId": role_id(Role.VIEWER)})

    assert changed.status in (200, 204), changed.body

    async def is_forbidden() -> bool:
        return (await hubs.elsewhere(robot).get("/v1/services")).status == 403

    await soon(is_forbidden)


async def test_what_is_deployed_or_shared_at_one_is_called_at_the_other(hubs: TwoHubs) -> None:
    _, robot, _ = await program_of(hubs.alice, "maker", role_id(Role.CONTRIBUTOR))
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
    assert (await robot.delete("/v1/connectors/acme/versions/1.0/permissions/guest@example.com")).status == 204

    async def is_not_shared() -> bool:
        return (await guest_there.post(CALL, SAY)).status == 404

    await soon(is_not_shared)
    assert (await deploy_and_wait(robot, connector_zip(words="new")))["deploymentStatus"] == "Deployed"

    async def is_new() -> bool:
        return await words(there) == "new"

    await soon(is_new)


async def test_an_auth_and_a_service_that_change_at_one_have_changed_at_the_other(hubs: TwoHubs) -> None:
    async def answer(_request: Any) -> web.Response:
        return web.json_response({"ok": True})

    async with answering(answer) as url:
        await deploy_and_wait(hubs.alice, connector_zip("asker", files=asking(url, "asker")), "asker")
        there = hubs.elsewhere(hubs.alice)
        environments = await hubs.alice.get("/core/v1/services/asker/versions/1/environments")
        wanted = {"name": "one", "serviceEnvironmentId": environments.json["elements"][0]["id"]}
        auth_id = (await hubs.alice.post("/core/v1/authentications", wanted)).json["id"]
        path, ask = f"/core/v1/authentications/{auth_id}", {"operation": "ask", "input": {}, "authId": auth_id}
        assert (await there.get(path)).json["name"] == "one"

        async def outcome() -> str:
            return (await there.post(CALL.replace("acme", "asker"), ask)).json.get("outcome", "refused")

        assert await outcome() == "success"
        service = {"title": "Asker", "baseUrl": "https://elsewhere.example"}
        assert (await hubs.alice.put("/v1/services/asker/versions/1", service)).status == 200

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


def asking(url: str, name: str = "acme") -> dict[str, str]:
    """Return files of a connector whose `ask` asks this service."""
    operation = f"""
from {name}.connector import {name}
from jackfield import Http


@{name}.operation
def ask(http: Http) -> dict:
    \"\"\"Ask the service.\"\"\"
    return http.get("/").json()
"""
    connector = f"from jackfield import Connector\n\n{name} = Connector({url!r})\n"
    return {f"{name}/connector.py": connector, f"{name}/operations/ask.py": operation}


@pytest.fixture
def shared(postgres: Postgres) -> str:
    """The URL of an empty Postgres database."""
    return postgres.new_database()


async def test_the_same_key_sent_to_both_at_once_is_carried_out_once(shared: str, tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: Any) -> web.Response:
        asked.append(request.path)
        await asyncio.sleep(0.5)
        return web.json_response({"ok": True})

    async with answering(answer) as url, two_hubs(tmp_path, shared) as hubs:
        await deploy_and_wait(hubs.alice, connector_zip(files=asking(url)))
        there = hubs.elsewhere(hubs.alice)
        assert (await there.post(CALL, SAY)).status == 200

        answers = await asyncio.gather(*(call_once(person) for person in [hubs.alice, there] * 10))
        later = [await call_once(person) for person in (hubs.alice, there)]

        assert len(asked) == 1
        assert {one.status for one in answers} == {200, 409}
        assert [(one.status, one.headers[REPLAYED]) for one in later] == [(200, "true")] * 2
        assert (await there.get("/v1/usage")).json["tasks"] == 2


async def call_once(person: Person) -> Answer:
    body = orjson.dumps({"operation": "ask", "input": {}})
    return await person.send("POST", CALL, body, headers={"Idempotency-Key": "one"})


@pytest.mark.parametrize("victim", ["first", "second"])
async def test_a_hub_that_is_killed_takes_only_its_own_calls_along(shared: str, tmp_path: Path, victim: str) -> None:
    async with two_hubs(tmp_path, shared) as hubs:
        alice, there = hubs.alice, hubs.elsewhere(hubs.alice)
        await deploy_and_wait(alice, connector_zip(files={"acme/operations/nap.py": NAP}))
        lost, saved = (alice, there) if victim == "first" else (there, alice)
        assert await words(saved) == "hello"
        slow = connector_zip("slow", files={"slow/operations/slow.py": "import time\ntime.sleep(2)\n"})
        deployment_id = (await deploy(lost, slow, "slow")).json["id"]
        calls = [asyncio.create_task(person.post(CALL, {"operation": "nap", "input": {}})) for person in (lost, saved)]
        await asyncio.sleep(0.5)  # both are under way, and the build is

        (hubs.first if victim == "first" else hubs.second).kill()

        own, other = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(own, aiohttp.ClientConnectionError)
        assert isinstance(other, Answer), other
        assert other.json["outcome"] == "success"
        assert await words(saved) == "hello"
        assert (await wait_until_finished(saved, "slow", deployment_id))["deploymentStatus"] == "Deployed"
        assert (await saved.post(CALL.replace("acme", "slow"), SAY)).json["outcome"] == "success"


NAP = '''
import time

from acme.connector import acme


@acme.operation
def nap() -> dict:
    """Take a while."""
    time.sleep(2)
    return {}
'''


async def test_hubs_that_start_at_the_same_moment_make_one_organization(shared: str, tmp_path: Path) -> None:
    key = base64.b64encode(b"k" * 32).decode()

    hubs = await asyncio.gather(
        *(asyncio.to_thread(start, tmp_path / name, database=shared, master_key=key) for name in ("a", "b"))
    )

    for hub in hubs:
        hub.kill()
    assert in_database(shared, "SELECT count(*) AS organizations FROM organizations") == [{"organizations": 1}]
    assert sum(hub.tokens_file.exists() for hub in hubs) == 1


async def test_a_hub_with_another_master_key_is_not_let_in(shared: str, tmp_path: Path) -> None:
    async with two_hubs(tmp_path, shared):
        other_key = base64.b64encode(b"k" * 32).decode()
        process, log = spawn(tmp_path / "third", free_port(), COMMAND, database=shared, master_key=other_key)
        keyless, its_log = spawn(tmp_path / "fourth", free_port(), COMMAND, database=shared)

        assert (await asyncio.to_thread(process.wait, 60), await asyncio.to_thread(keyless.wait, 60)) == (1, 1)
        assert "sealed with another master key than the one given" in log.read_text()
        assert "master.key is missing" in its_log.read_text()


async def test_f42_a_hub_cut_off_from_the_database_refuses_and_comes_back(shared: str, tmp_path: Path) -> None:
    async with wire_to(shared) as wire, two_hubs(tmp_path, shared, second_database=wire.url) as hubs:
        there = hubs.elsewhere(hubs.alice)
        _, robot, token_id = await program_of(hubs.alice, "robot", role_id(Role.CONTRIBUTOR))
        await deploy_and_wait(hubs.alice, connector_zip())
        assert await words(there) == "hello"
        assert (await hubs.elsewhere(robot).get("/v1/me")).status == 200
        slow = connector_zip("slow", files={"slow/operations/slow.py": "import time\ntime.sleep(3)\n"})
        deployment_id = (await deploy(there, slow, "slow")).json["id"]

        wire.cut()
        await hubs.alice.delete(f"/v1/tokens/{token_id}")

        async def refuses() -> bool:
            answer = await asyncio.wait_for(hubs.elsewhere(robot).get("/v1/me"), 90)
            return answer.status == 503

        async def takes_no_calls() -> bool:
            # For a few seconds it believes what it knows, and runs one: that is said not to be recorded.
            answer = await asyncio.wait_for(there.post(CALL, SAY), 90)
            assert answer.status == 503 or answer.json["code"] == "not_recorded"
            return answer.status == 503

        await soon(refuses)
        await soon(takes_no_calls)
        assert (await there.get("/readyz")).status == 503
        taken_over = await wait_until_finished(hubs.alice, "slow", deployment_id)
        wire.mend()

        async def is_back() -> bool:
            return await words(there) == "hello"

        await soon(is_back)
        assert taken_over["deploymentStatus"] == "Deployed"
        assert (await hubs.elsewhere(robot).get("/v1/me")).status == 401
        rows = in_database(shared, "SELECT state, attempt FROM deployments WHERE connector_name = 'slow'")
        assert rows[0]["state"] == "Deployed"
        flips = in_database(shared, "SELECT revision FROM connectors WHERE name = 'slow'")
        assert [row["revision"] for row in flips] == [1]


def in_database(url: str, statement: str) -> list[dict[str, Any]]:
    return stored(Settings(database=url), statement)


async def test_f16_a_clock_that_jumps_ends_no_token_and_takes_no_job_from_others(shared: str, tmp_path: Path) -> None:
    ahead = tmp_path / "ahead"
    ahead.write_text("0")
    command = (sys.executable, "-m", "tests.hub.jumping_clock", str(ahead))
    async with two_hubs(tmp_path, shared, second_command=command) as hubs:
        wanted = {"name": "a day", "kind": "master", "expiresInDays": 1}
        token = (await hubs.alice.post("/v1/tokens", wanted)).json["token"]
        there = replace(hubs.elsewhere(hubs.alice), token=token)
        assert (await deploy_and_wait(there, connector_zip()))["deploymentStatus"] == "Deployed"
        for number, seconds in enumerate((25 * 3600, -25 * 3600)):
            ahead.write_text(str(seconds))

            slow = connector_zip("slow", str(number), files={"slow/operations/slow.py": "import time\ntime.sleep(5)\n"})
            long = asyncio.create_task(deploy_and_wait(hubs.alice, slow, "slow"))
            short = await deploy_and_wait(there, connector_zip(words=str(number)))

            assert short["deploymentStatus"] == (await long)["deploymentStatus"] == "Deployed"
            assert await words(there) == str(number)
        assert {row["attempt"] for row in in_database(shared, "SELECT attempt FROM deployments")} == {1}


NEWER = (
    "ALTER TABLE connectors ADD COLUMN colour TEXT",
    "ALTER TABLE tokens ADD COLUMN shape TEXT NOT NULL DEFAULT 'round'",
    "CREATE TABLE novelties (id TEXT PRIMARY KEY)",
    "UPDATE alembic_version SET version_num = '9999'",
)


async def test_f49_an_older_hub_goes_on_beside_a_newer_schema_and_does_not_start_on_it(
    shared: str, tmp_path: Path, postgres: Postgres
) -> None:
    async with two_hubs(tmp_path, shared) as hubs:
        await deploy_and_wait(hubs.alice, connector_zip())
        there = hubs.elsewhere(hubs.alice)
        assert await words(there) == "hello"

        postgres.tell(*NEWER, database=name_of(shared))

        for number, person in enumerate((hubs.alice, there)):
            await program_of(person, f"robot-{number}", role_id(Role.CONTRIBUTOR))
            deployed = await deploy_and_wait(person, connector_zip(words=f"number {number}"))
            assert deployed["deploymentStatus"] == "Deployed"

        async def is_new() -> bool:
            return await words(hubs.alice) == await words(there) == "number 1"

        await soon(is_new)
        process, log = spawn(tmp_path / "third", free_port(), COMMAND, database=shared)
        assert await asyncio.to_thread(process.wait, 60) == 1
        assert "newer" in log.read_text()
