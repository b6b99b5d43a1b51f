"""The courier: carries renewals that may not be lost, and needs no hub to finish them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Generator

import pytest

from jackfield.testing_oauth import FakeOAuthProvider
from jackfield_hub.auths import service as auths
from jackfield_hub.auths.opening import find_sealed
from jackfield_hub.hub import Hub
from jackfield_hub.services.finding import find_service
from jackfield_hub.settings import Settings
from tests.hub.people import Person
from tests.hub.signed_in import SignedIn, register, sign_in

DELAY_SECONDS = 1.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"renewal_lease_seconds": 2.0})


@pytest.fixture
def provider() -> Generator[FakeOAuthProvider]:
    with FakeOAuthProvider() as provider:
        yield provider


@pytest.fixture
async def stale(bob: Person, alice: Person, provider: FakeOAuthProvider) -> SignedIn:
    environment_id = await register(alice, provider)
    return await sign_in(bob, provider, environment_id, expiresAt=time.time() - 1)


async def renewed(hub: Hub, stale: SignedIn, seconds: float = 30) -> str:
    """Return the access token of the auth, renewed."""
    async with hub.database.reading() as tx:
        sealed = await find_sealed(tx, stale.person.organization_id, stale.auth_id)
        assert sealed is not None
        service = await find_service(tx, sealed.organization_id, sealed.service_id)
    opened = await auths.open_for_call(hub, sealed, service, time.monotonic() + seconds)
    return opened.credentials["accessToken"]


async def until_asked(provider: FakeOAuthProvider) -> None:
    """Return when the provider has spent the refresh token, and has not answered yet."""
    while not provider.refreshes:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def test_the_courier_renews_and_is_kept_for_the_next(hub: Hub, stale: SignedIn) -> None:
    stale.provider.habits.access_token_seconds = 0.1

    first = await renewed(hub, stale)
    courier = hub.couriers.process_id
    await asyncio.sleep(0.2)
    second = await renewed(hub, stale)

    assert first != second
    assert hub.couriers.process_id == courier
    assert (stale.provider.refreshes, stale.provider.reuses_seen) == (2, 0)


async def test_a_courier_that_dies_is_replaced_and_what_is_unknown_is_tried(hub: Hub, stale: SignedIn) -> None:
    stale.provider.habits.rotates_refresh_tokens = False  # a provider that forgives
    stale.provider.habits.token_delay_seconds = DELAY_SECONDS
    renewing = asyncio.create_task(renewed(hub, stale))
    await until_asked(stale.provider)
    courier = hub.couriers.process_id
    assert courier is not None

    os.kill(courier, signal.SIGKILL)

    assert (await renewing).startswith("access-")
    assert stale.provider.refreshes == 2
    assert hub.couriers.process_id != courier


async def test_a_courier_finishes_when_its_hub_stops(hub: Hub, stale: SignedIn) -> None:
    before = await stale.access_token()
    stale.provider.habits.token_delay_seconds = DELAY_SECONDS
    renewing = asyncio.create_task(renewed(hub, stale, seconds=60))
    await until_asked(stale.provider)

    await hub.couriers.end(seconds=10)

    assert await renewing != before
    assert (stale.provider.refreshes, stale.provider.reuses_seen) == (1, 0)
