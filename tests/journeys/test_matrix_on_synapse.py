"""The Matrix example on the hub, against the real Synapse: its sign-in, and the access tokens that end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from examples.servers.matrix import Synapse, running_synapse
from examples.servers.process import MORE
from jackfield.project import open_project, pack
from tests.hub.connectors import deploy_and_wait
from tests.hub.people import Person
from tests.journeys.pasted import REPOSITORY

ACCESS_SECONDS = 4  # renewed in their last quarter
AUTHS = "/core/v1/authentications"

pytestmark = pytest.mark.skipif(
    not next(MORE.parent.glob("lib/*/site-packages/synapse"), None),
    reason="Synapse is not installed: make .venv-services/more/.installed",
)


class Seen(NamedTuple):
    """How many sign-ins a server has seen, and how many refresh tokens it has given in all."""

    sign_ins: int
    refresh_tokens: int


@dataclass(frozen=True)
class Desk:
    """Bob, with an auth for Matrix."""

    bob: Person
    auth_id: str
    synapse: Synapse
    folder: Path

    async def call(self, operation: str, **given: Any) -> Any:
        """Return the output of an operation that must succeed."""
        asked = {"operation": operation, "input": given, "authId": self.auth_id}
        answer = await self.bob.post("/core/v1/connectors/matrix/versions/1.0/call", asked)
        assert (answer.status, answer.json.get("outcome")) == (200, "success"), answer.body
        return answer.json["output"]

    async def credentials(self) -> Any:
        return (await self.bob.get(f"{AUTHS}/{self.auth_id}/full")).json["credentials"]

    def seen(self) -> Seen:
        """Return what the server has noted in its own database."""
        with sqlite3.connect(self.folder / "synapse.db", timeout=10) as connection:
            [(sign_ins,)] = connection.execute("SELECT count(*) FROM devices WHERE NOT hidden")
            # It numbers them from two on, and forgets those that were exchanged.
            [(refresh_tokens,)] = connection.execute("SELECT coalesce(max(id), 1) FROM refresh_tokens")
            return Seen(sign_ins, refresh_tokens)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("synapse")


@pytest.fixture(scope="module")
def synapse(folder: Path) -> Generator[Synapse]:
    with running_synapse(folder, access_seconds=ACCESS_SECONDS) as synapse:
        yield synapse


@pytest.fixture
async def desk(alice: Person, bob: Person, synapse: Synapse, folder: Path) -> Desk:
    await deploy_and_wait(alice.program, pack(open_project(REPOSITORY / "examples" / "matrix")), name="matrix")
    environments = (await bob.get("/core/v1/services/matrix/versions/1/environments")).json["elements"]
    server = synapse.server
    stored = await bob.post(
        AUTHS,
        {
            "name": "Mine",
            "serviceEnvironmentId": environments[0]["id"],
            "userData": server.user_data,
            "credentials": server.credentials,
        },
    )
    assert stored.status == 200, stored.body
    return Desk(bob, stored.json["id"], synapse, folder)


async def test_every_call_is_signed_in_however_often_the_access_token_ends(desk: Desk) -> None:
    nobody = desk.seen()

    first = await asyncio.gather(*(desk.call("get_account") for _ in range(20)))
    assert {one["user_id"] for one in first} == {"@ada:matrix.example"}
    first_in = desk.seen()
    assert first_in == (nobody.sign_ins + 1, nobody.refresh_tokens + 1), "twenty calls at once, one sign-in"
    before = await desk.credentials()

    for renewals in (1, 2):
        await until_it_ends(desk)
        answers = await asyncio.gather(*(desk.call("get_account") for _ in range(20)))

        assert {one["user_id"] for one in answers} == {"@ada:matrix.example"}
        assert desk.seen() == (first_in.sign_ins, first_in.refresh_tokens + renewals), "one refresh at every end"
    after = await desk.credentials()
    assert after["refreshToken"] != before["refreshToken"]
    assert (after["user"], after["password"]) == (desk.synapse.user, desk.synapse.password)


async def until_it_ends(desk: Desk) -> None:
    ends_at = (await desk.credentials())["expiresAt"]
    await asyncio.sleep(max(0.0, ends_at - time.time() - ACCESS_SECONDS / 8))


async def test_whoever_is_signed_out_on_the_server_is_signed_in_again_with_the_password(desk: Desk) -> None:
    await desk.call("get_account")
    token = (await desk.credentials())["accessToken"]
    await asyncio.to_thread(desk.synapse.ask, "POST", "/_matrix/client/v3/logout", {}, token)
    await until_it_ends(desk)

    assert (await desk.call("get_account"))["user_id"] == "@ada:matrix.example"
    assert (await desk.credentials())["accessToken"] != token


async def test_a_message_that_must_wait_is_sent_once(desk: Desk) -> None:
    room_id = (await desk.call("create_room", name="Harbour"))["room_id"]
    texts = [f"message {number}" for number in range(14)]  # more than the server takes at once

    for text in texts:
        await desk.call("send_message", room_id=room_id, text=text)

    read = (await desk.call("list_messages", room_id=room_id, limit=100))["messages"]
    assert [one["text"] for one in reversed(read)] == texts


async def test_a_wrong_password_is_said_and_never_shown(desk: Desk) -> None:
    wanted = {"name": "Mine", "credentials": {"user": "ada", "password": "not-the-password"}}
    assert (await desk.bob.put(f"{AUTHS}/{desk.auth_id}", wanted)).status == 200

    asked = {"operation": "get_account", "input": {}, "authId": desk.auth_id}
    answer = await desk.bob.post("/core/v1/connectors/matrix/versions/1.0/call", asked)

    assert (answer.json["outcome"], answer.json["output"]["kind"]) == ("error", "InvalidGrant")
    assert b"not-the-password" not in answer.body
