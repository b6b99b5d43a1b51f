"""Access tokens are renewed once, by one, and never lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import Any

import pytest

from jackfield.testing_oauth import FakeOAuthProvider
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.people import Person
from tests.hub.shop import put_in_place
from tests.hub.signed_in import AUTHS, SignedIn, consented, register, sign_in
from tests.hub.stored import stored

CALL = "/core/v1/connectors/diary/versions/1.0/call"
DOUBT_SECONDS = 0.5

OPERATIONS = '''
"""All operations of the diary."""

from jackfield import Http

from {package}.connector import shop as diary


@diary.operation
def whose(http: Http) -> dict:
    """Say whose diary it is."""
    return http.get("/resource").json()


@diary.operation
def write(http: Http) -> dict:
    """Write into it."""
    return http.post("/resource", json={{}}, accept=(401, 404)).json()
'''


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Without a courier, which takes a second to start: test_courier.py is about that."""
    changed = {"sign_in_doubt_seconds": DOUBT_SECONDS, "renewal_lease_seconds": 5.0, "renewal_courier": False}
    return settings.model_copy(update=changed)


@pytest.fixture
def provider() -> Generator[FakeOAuthProvider]:
    with FakeOAuthProvider() as provider:
        yield provider


@pytest.fixture
async def environment_id(hub: Hub, alice: Person, provider: FakeOAuthProvider) -> str:
    """A registered service, and a connector that leaves the sign-in to it."""
    environment_id = await register(alice, provider)
    await put_in_place(hub, alice.organization_id, provider.url, name="diary", code=OPERATIONS)
    return environment_id


@pytest.fixture
async def stale(bob: Person, provider: FakeOAuthProvider, environment_id: str) -> SignedIn:
    """Bob's auth, whose access token is over."""
    return await sign_in(bob, provider, environment_id, expiresAt=time.time() - 1)


async def call(auth: SignedIn, operation: str = "whose") -> Any:
    answer = await auth.person.post(CALL, {"operation": operation, "input": {}, "authId": auth.auth_id})
    assert answer.status == 200, answer.body
    return answer.json


def row(settings: Settings, auth: SignedIn) -> dict[str, Any]:
    [found] = query(settings, "SELECT * FROM auths WHERE id = $1", auth.auth_id)
    return found


def audit(settings: Settings, auth: SignedIn) -> list[str]:
    return [one["action"] for one in query(settings, "SELECT action FROM audit WHERE subject = $1", auth.auth_id)]


def query(settings: Settings, statement: str, *values: Any) -> list[dict[str, Any]]:
    return stored(settings, statement, *values)


async def test_forty_calls_at_expiry_renew_once(stale: SignedIn) -> None:
    stale.provider.habits.token_delay_seconds = 0.5

    answers = await asyncio.gather(*(call(stale) for _ in range(40)))

    assert [answer["output"].get("subject") for answer in answers] == ["alice"] * 40
    assert stale.provider.refreshes == 1
    assert stale.provider.reuses_seen == 0


async def test_the_next_renewal_uses_the_refresh_token_of_the_last(
    stale: SignedIn, hub: Hub, settings: Settings
) -> None:
    stale.provider.habits.access_token_seconds = 0.2

    for _ in range(3):
        assert (await call(stale))["outcome"] == "success"
        await asyncio.sleep(0.3)

    assert (stale.provider.refreshes, stale.provider.reuses_seen) == (3, 0)
    assert row(settings, stale)["refresh_lease_until"] is None


async def test_an_auth_that_is_good_is_not_renewed(
    bob: Person, provider: FakeOAuthProvider, environment_id: str
) -> None:
    auth = await sign_in(bob, provider, environment_id)

    assert (await call(auth))["output"]["subject"] == "alice"
    assert provider.refreshes == 0


@pytest.mark.parametrize(
    ("status", "error"), [(400, "invalid_grant"), (500, "server_error"), (503, "x"), (429, "slow_down")]
)
async def test_a_passing_trouble_of_the_provider_is_not_the_callers(stale: SignedIn, status: int, error: str) -> None:
    stale.provider.answer_next_with(status, {"error": error})

    assert (await call(stale))["outcome"] == "success"
    assert (stale.provider.refreshes, stale.provider.reuses_seen) == (1, 0)


async def test_a_sign_in_that_is_over_is_believed_at_the_second_time_and_said_once(
    stale: SignedIn, settings: Settings
) -> None:
    stale.provider.revoke_everything()

    first = await asyncio.gather(*(call(stale) for _ in range(20)))
    assert {(one["output"]["code"], one["output"]["kind"]) for one in first} == {("#oauth_refresh", "InvalidGrant")}
    asked = len(stale.provider.token_requests)
    assert asked == 3, "the code, and the refresh token twice"
    assert (row(settings, stale)["state"], audit(settings, stale)) == ("active", [])

    await asyncio.sleep(DOUBT_SECONDS + 0.1)
    for _ in range(3):
        answers = await asyncio.gather(*(call(stale) for _ in range(10)))
        assert all("sign in again" in one["output"]["message"] for one in answers)

    assert len(stale.provider.token_requests) == asked + 1
    assert row(settings, stale)["state"] == "needs_reauth"
    assert audit(settings, stale) == ["auth.needs_reauth"]


async def test_new_credentials_make_an_auth_active_again(stale: SignedIn, settings: Settings) -> None:
    stale.provider.revoke_everything()
    await call(stale)
    await asyncio.sleep(DOUBT_SECONDS + 0.1)
    await call(stale)
    assert row(settings, stale)["state"] == "needs_reauth"

    wanted = {"name": "Again", "credentials": consented(stale.provider)}
    assert (await stale.person.put(f"{AUTHS}/{stale.auth_id}", wanted)).status == 200

    assert (await call(stale))["outcome"] == "success"
    assert row(settings, stale)["state"] == "active"


async def test_a_broken_provider_is_left_alone(stale: SignedIn) -> None:
    before = len(stale.provider.token_requests)
    for _ in range(50):
        stale.provider.answer_next_with(503, "<html>down</html>")

    for _ in range(3):
        answers = await asyncio.gather(*(call(stale) for _ in range(10)))
        assert {one["output"]["kind"] for one in answers} == {"ProviderBroken"}

    assert len(stale.provider.token_requests) - before == 3


async def test_a_token_that_is_still_good_is_used_while_the_provider_is_broken(
    bob: Person, provider: FakeOAuthProvider, environment_id: str
) -> None:
    auth = await sign_in(bob, provider, environment_id, expiresAt=time.time() + 30)
    for _ in range(10):
        provider.answer_next_with(503, "")

    assert (await call(auth))["output"]["subject"] == "alice"


async def test_a_lost_answer_of_a_rotating_provider_ends_in_one_audit_entry(
    stale: SignedIn, settings: Settings
) -> None:
    stale.provider.lose_next_answer()

    assert (await call(stale))["output"]["kind"] == "InvalidGrant"
    await asyncio.sleep(DOUBT_SECONDS + 0.1)
    for _ in range(3):
        assert (await call(stale))["output"]["kind"] == "InvalidGrant"

    assert row(settings, stale)["state"] == "needs_reauth"
    assert audit(settings, stale) == ["auth.needs_reauth"]


async def test_an_access_token_without_a_refresh_token_asks_for_a_new_sign_in(
    bob: Person, provider: FakeOAuthProvider, environment_id: str, settings: Settings
) -> None:
    wanted = {
        "name": "Imported",
        "serviceEnvironmentId": environment_id,
        "credentials": {"accessToken": "imported", "expiresAt": time.time() - 1},
    }
    auth = SignedIn(provider, bob, (await bob.post(AUTHS, wanted)).json["id"])

    assert "sign in again" in (await call(auth))["output"]["message"]
    assert provider.token_requests == []
    assert audit(settings, auth) == ["auth.needs_reauth"]


async def test_imported_credentials_are_renewed_when_they_say_they_end(
    bob: Person, provider: FakeOAuthProvider, environment_id: str
) -> None:
    known = consented(provider)
    wanted = {
        "name": "Imported",
        "serviceEnvironmentId": environment_id,
        "credentials": {"accessToken": "old", "refreshToken": known["refreshToken"], "expiresIn": 0},
    }
    auth = SignedIn(provider, bob, (await bob.post(AUTHS, wanted)).json["id"])

    assert (await call(auth))["output"]["subject"] == "alice"


async def test_a_refused_token_is_renewed_and_the_request_sent_again(
    bob: Person, provider: FakeOAuthProvider, environment_id: str
) -> None:
    auth = await sign_in(bob, provider, environment_id)
    provider.expire_access_tokens()

    answers = await asyncio.gather(*(call(auth) for _ in range(10)))

    assert [one["outcome"] for one in answers] == ["success"] * 10
    assert (provider.refreshes, provider.reuses_seen) == (1, 0)


async def test_a_new_token_that_is_refused_is_not_renewed_again_and_again(stale: SignedIn) -> None:
    await call(stale)
    stale.provider.expire_access_tokens()

    for _ in range(5):
        assert (await call(stale))["output"]["kind"] == "NotSignedIn"

    assert stale.provider.refreshes == 1


async def test_the_owner_may_force_a_renewal(bob: Person, provider: FakeOAuthProvider, environment_id: str) -> None:
    auth = await sign_in(bob, provider, environment_id)
    before = await auth.full()

    after = await auth.full(forceRefresh="true")

    assert provider.refreshes == 1
    assert after["credentials"]["accessToken"] != before["credentials"]["accessToken"]
    assert await auth.full() == after


async def test_a_forced_renewal_says_why_there_is_none(stale: SignedIn) -> None:
    path = f"{AUTHS}/{stale.auth_id}/full?forceRefresh=true"
    for _ in range(10):
        stale.provider.answer_next_with(503, "")
    broken = await stale.person.get(path)
    assert (broken.status, broken.json["code"]) == (502, "not_renewed")


async def test_a_renewal_goes_on_when_its_caller_has_left(stale: SignedIn) -> None:
    stale.provider.habits.token_delay_seconds = 0.5
    before = await stale.access_token()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call(stale), 0.2)
    await asyncio.sleep(1)

    assert await stale.access_token() != before
    assert (stale.provider.refreshes, stale.provider.reuses_seen) == (1, 0)


async def test_credentials_stored_by_hand_are_not_overwritten_by_a_late_renewal(stale: SignedIn) -> None:
    stale.provider.habits.token_delay_seconds = 0.5
    calling = asyncio.create_task(call(stale))
    await asyncio.sleep(0.2)
    chosen = consented_at_once(stale.provider)

    await stale.person.put(f"{AUTHS}/{stale.auth_id}", {"name": "Mine", "credentials": chosen})

    assert (await calling)["outcome"] == "success"
    await asyncio.sleep(0.5)
    assert await stale.access_token() == chosen["accessToken"]


def consented_at_once(provider: FakeOAuthProvider) -> dict[str, Any]:
    provider.habits.token_delay_seconds = 0
    return consented(provider)


async def test_a_claim_whose_holder_died_is_taken_over_and_written_down(stale: SignedIn, settings: Settings) -> None:
    claim = "UPDATE auths SET refresh_fence = 1, refresh_lease_until = $1 WHERE id = $2"
    stored(settings, claim, time.time() + 0.5, stale.auth_id)
    started = time.monotonic()

    assert (await call(stale))["outcome"] == "success"

    assert time.monotonic() - started >= 0.4
    assert stale.provider.refreshes == 1
    assert audit(settings, stale) == ["auth.renewal_lost"]
    assert (row(settings, stale)["refresh_fence"], row(settings, stale)["version"]) == (2, 2)


async def test_a_removed_auth_is_not_renewed(stale: SignedIn) -> None:
    stale.provider.habits.token_delay_seconds = 0.3
    calling = asyncio.create_task(call_or_refusal(stale))
    await asyncio.sleep(0.1)

    assert (await stale.person.delete(f"{AUTHS}/{stale.auth_id}")).status == 204

    assert await calling == 404


async def call_or_refusal(auth: SignedIn) -> int:
    answer = await auth.person.post(CALL, {"operation": "whose", "input": {}, "authId": auth.auth_id})
    return answer.status
