"""Whose call runs when not all can, and whose large body is taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from jackfield_hub.calls.places import NARROWEST, SHARED_SECONDS, TICK_SECONDS, Places
from jackfield_hub.errors import Unavailable
from jackfield_hub.hub import Hub
from tests.hub.people import Person
from tests.hub.shop import ThirdParty, put_in_place, third_party

MANY = 100
CALL = "/core/v1/connectors/shop/versions/1.0/call"


@pytest.fixture
async def shop(hub: Hub, alice: Person) -> AsyncGenerator[ThirdParty]:
    async with third_party() as shop:
        await put_in_place(hub, alice.organization_id, shop.url)
        yield shop


def call(operation: str, given: Any) -> dict[str, Any]:
    return {"operation": operation, "input": given}


async def take(places: Places, organization: str) -> None:
    """Take a place; `give_back` follows."""
    await places.place(organization).__aenter__()


@asynccontextmanager
async def running(places: Places, organization: str, calls: int) -> AsyncGenerator[AsyncExitStack]:
    """Hold so many places; whatever else is pushed is given back, too."""
    async with AsyncExitStack() as held:
        for _ in range(calls):
            await take(places, organization)
            held.callback(places.give_back, organization)
        yield held


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS / 5)


async def take_many(places: Places, organization: str, calls: int) -> list[asyncio.Task[None]]:
    """Let so many calls ask for a place, each of which is given back after a moment."""

    async def one() -> None:
        async with places.place(organization):
            await asyncio.sleep(0.001)

    tasks = [asyncio.create_task(one()) for _ in range(calls)]
    await asyncio.sleep(0)
    return tasks


async def test_an_organization_that_is_alone_has_all_its_places_however_busy_the_hub_is() -> None:
    places = Places(MANY, 1.0, busy=lambda: 1.0)

    async with running(places, "noisy", MANY):
        await asyncio.sleep(3 * TICK_SECONDS)

        assert (places.running, places.waiting) == (MANY, 0)
        with pytest.raises(Unavailable) as refusal:
            await take(places, "noisy")  # waits for its turn, in vain

    assert refusal.value.headers["Retry-After"] == "1"
    assert (places.running, places.waiting) == (0, 0)


async def test_whoever_runs_less_than_their_share_never_waits_for_one_who_has_all_the_rest() -> None:
    places = Places(MANY, 20.0, busy=lambda: 1.0)
    async with running(places, "noisy", MANY):
        waiting = await take_many(places, "noisy", MANY)
        began = time.monotonic()
        await asyncio.wait_for(take(places, "quiet"), 1)
        assert time.monotonic() - began < 1
        places.give_back("quiet")

    await asyncio.gather(*waiting)
    assert (places.running, places.waiting) == (0, 0)


async def test_a_busy_hub_that_is_shared_runs_few_calls_at_once_and_more_when_it_has_time() -> None:
    busy = [1.0]
    places = Places(MANY, 20.0, busy=lambda: busy[0])
    async with running(places, "quiet", 1), running(places, "noisy", MANY):
        await asyncio.sleep(20 * TICK_SECONDS)
        waiting = [asyncio.create_task(take(places, "noisy")) for _ in range(MANY)]
        await asyncio.sleep(0)

    assert places.running == NARROWEST
    busy[0] = 0.1
    await until(lambda: places.running == MANY)
    for _ in waiting:
        places.give_back("noisy")
    assert SHARED_SECONDS > 20 * TICK_SECONDS


async def test_organizations_take_turns() -> None:
    places, order = Places(1, 20.0), list[str]()

    async def one(organization: str) -> None:
        async with places.place(organization):
            order.append(organization)
            await asyncio.sleep(0.001)

    tasks = [asyncio.create_task(one(name)) for name in ["a"] * 20 + ["b"] * 3 + ["c"] * 3]
    await asyncio.gather(*tasks)

    assert set(order[-14:]) == {"a"}


async def test_who_gives_up_waiting_leaves_no_place_behind() -> None:
    places = Places(1, 20.0)
    async with running(places, "noisy", 1):
        waiting = [asyncio.create_task(take(places, "noisy")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert places.waiting == 2

    await waiting[1]
    places.give_back("noisy")
    waiting[2].cancel()  # in the very moment its turn comes
    await asyncio.wait(waiting)

    assert (places.running, places.waiting) == (0, 0)


async def test_a_large_body_waits_for_room_and_a_small_one_does_not(hub: Hub, alice: Person, shop: ThirdParty) -> None:
    large = call("order_product", {"product_id": 1, "note": "x" * 200_000})
    with hub.bodies.room() as room:
        room.hold(hub.settings.max_bytes_at_once)

        refused = await alice.post(CALL, large)
        small = await alice.post(CALL, call("wait", {"seconds": 0}))

    assert (refused.status, refused.headers["Retry-After"], small.status) == (503, "2", 200)
    assert (await alice.post(CALL, large)).status == 200


async def test_a_large_input_is_checked_like_a_small_one(alice: Person, shop: ThirdParty) -> None:
    small = await alice.post(CALL, call("order_product", {"product_id": "one", "note": "x"}))
    large = await alice.post(CALL, call("order_product", {"product_id": "one", "note": "x" * 200_000}))

    assert (large.status, large.json) == (small.status, small.json)
    assert large.status == 400
