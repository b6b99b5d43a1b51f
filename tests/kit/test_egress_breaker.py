"""Hosts that fail are left alone for a while; hosts that are asked too often are asked more slowly."""

from __future__ import annotations

import asyncio
import time

import pytest

from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.limits import Limits
from jackfield.egress.policy import AddressPolicy, HostRule
from jackfield.errors import NoAnswer, OperationError, TimedOut
from jackfield.exchange import Request
from tests.kit.misbehaving import Talk, answer, reset, stay_silent, third_party

QUICK = Limits(rest_seconds=0.2)


def grant_of(owner: str, url: str) -> Grant:
    return Grant((HostRule.parse(url),), addresses=AddressPolicy.allowing(["127.0.0.0/8"]), owner=owner)


async def call(engine: Engine, url: str, *, owner: str = "alice", seconds: float = 5) -> int:
    """Return the status, 0 when there was no answer."""
    request = Request("GET", url, is_idempotent=False)
    try:
        return (await engine.send(request, grant_of(owner, url), time.monotonic() + seconds)).status
    except OperationError:
        return 0


@pytest.mark.parametrize("trouble", [answer(status=503), reset], ids=["503", "reset"])
async def test_a_dead_host_is_left_alone_within_thirty_calls(trouble: bytes | Talk):
    engine = Engine(QUICK)
    async with third_party(trouble) as dead, third_party(answer()) as alive:
        for _ in range(40):
            await call(engine, dead.url)

        assert len(dead.requests) <= 30
        assert await call(engine, alive.url) == 200
    await engine.close()


async def test_a_host_that_hangs_is_left_alone_too():
    engine = Engine(Limits(failures_of=4, rest_seconds=60))
    async with third_party(stay_silent) as dead:
        for _ in range(6):
            await call(engine, dead.url, seconds=0.05)
        asked = len(dead.requests)
        started = time.monotonic()
        with pytest.raises(NoAnswer, match=r"left alone for a while\. Try again in \d+ seconds") as refused:
            await engine.send(Request("GET", dead.url), grant_of("alice", dead.url), time.monotonic() + 30)

    await engine.close()
    assert not isinstance(refused.value, TimedOut)
    assert asked == len(dead.requests) == 4
    assert time.monotonic() - started < 5


async def test_what_one_organization_does_to_a_host_is_not_held_against_another():
    engine = Engine(QUICK)
    async with third_party(*[answer(status=503)] * 20, answer()) as party:
        for _ in range(20):
            await call(engine, party.url, owner="alice")

        assert await call(engine, party.url, owner="alice") == 0
        assert await call(engine, party.url, owner="charlie") == 200
    await engine.close()


async def test_after_its_rest_one_request_may_try():
    engine = Engine(QUICK)
    async with third_party(*[answer(status=503)] * 21, answer()) as party:
        for _ in range(20):
            await call(engine, party.url)

        await asyncio.sleep(0.25)
        assert sorted(await asyncio.gather(*(call(engine, party.url) for _ in range(5)))) == [0, 0, 0, 0, 503]
        assert await call(engine, party.url) == 0
        await asyncio.sleep(0.25)
        assert await call(engine, party.url) == 200
        assert [await call(engine, party.url) for _ in range(5)] == [200] * 5
    await engine.close()


async def test_a_try_that_is_given_up_leaves_the_door_as_it_was():
    engine = Engine(QUICK)
    async with third_party(*[answer(status=503)] * 20, stay_silent, answer()) as party:
        for _ in range(20):
            await call(engine, party.url)
        await asyncio.sleep(0.25)
        given_up = asyncio.create_task(call(engine, party.url))
        await asyncio.sleep(0.1)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)

        assert await call(engine, party.url) == 200
    await engine.close()


async def test_a_host_that_says_no_politely_is_not_broken():
    engine = Engine(QUICK)
    async with third_party(answer(status=404)) as party:
        assert [await call(engine, party.url) for _ in range(30)] == [404] * 30
    await engine.close()


async def test_requests_to_one_host_can_be_held_to_a_rate():
    engine = Engine(Limits(requests_per_second=20))
    async with third_party(answer()) as party:
        started = time.monotonic()
        statuses = await asyncio.gather(*(call(engine, party.url) for _ in range(30)))
        spent = time.monotonic() - started
    await engine.close()

    assert statuses == [200] * 30
    assert spent > 0.4  # twenty at once, ten more at twenty a second
