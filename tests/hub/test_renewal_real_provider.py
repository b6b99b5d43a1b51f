"""Renewals against the real oidc-provider, which rotates refresh tokens and ends a sign-in when one comes twice."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from examples.servers.oidc import ACCESS_SECONDS, IN_HEADER, sign_in
from jackfield.auth import sign_in_to_json
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.people import Person
from tests.hub.shop import put_in_place
from tests.hub.signed_in import AUTHS
from tests.hub.stored import stored_values
from tests.kit.test_oauth_real_provider import origin, pytestmark

__all__ = ["origin", "pytestmark"]

OPERATIONS = '''
"""All operations of the diary."""

from jackfield import Http

from {package}.connector import shop as diary


@diary.operation
def whose(http: Http) -> dict:
    """Say whose diary it is."""
    return http.get("/me").json()
'''


async def test_forty_calls_at_every_expiry_renew_once(
    hub: Hub, alice: Person, bob: Person, settings: Settings, origin: str
) -> None:
    way, credentials = await asyncio.to_thread(sign_in, origin, IN_HEADER)
    app = {"title": "Production", "clientId": IN_HEADER.client_id, "clientSecret": IN_HEADER.client_secret}
    service = {"name": "diary", "title": "Diary", "baseUrl": origin, "signIn": sign_in_to_json(way)}
    made = await alice.post("/v1/services", {**service, "environments": [app]})
    await put_in_place(hub, alice.organization_id, origin, name="diary", code=OPERATIONS)
    environment_id = made.json["environments"][0]["id"]
    wanted = {"name": "Mine", "serviceEnvironmentId": environment_id, "credentials": credentials}
    auth_id = (await bob.post(AUTHS, wanted)).json["id"]

    async def call() -> Any:
        path = "/core/v1/connectors/diary/versions/1.0/call"
        return (await bob.post(path, {"operation": "whose", "input": {}, "authId": auth_id})).json

    for _ in range(2):
        ends_at = (await bob.get(f"{AUTHS}/{auth_id}/full")).json["credentials"]["expiresAt"]
        await asyncio.sleep(max(0.0, ends_at - time.time() - ACCESS_SECONDS / 8))
        answers = await asyncio.gather(*(call() for _ in range(40)))
        assert [answer["output"] for answer in answers] == [{"sub": "alice"}] * 40

    [(fence, state)] = stored_values(settings, "SELECT refresh_fence, state FROM auths WHERE id = $1", auth_id)
    assert (fence, state) == (2, "active")
