"""How much somebody may ask for: check 24."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.limits import Buckets, Policy, RequestLimits
from jackfield_hub.settings import Settings
from tests.contract.conftest import Shop
from tests.hub.people import Person, end_user

OPERATIONS = "/core/v1/connectors"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As a hub is by default."""
    limits = {name: Settings.model_fields[name].default for name in Settings.model_fields if "request" in name}
    return settings.model_copy(update=limits)


@pytest.fixture
def clock(hub: Hub) -> list[float]:
    """A clock for the limits that stands still until its one number is changed."""
    time = [1000.0]
    hub.limits = RequestLimits(hub.settings, lambda: time[0])
    return time


async def statuses(person: Person, count: int) -> Counter[int]:
    answers = await asyncio.gather(*(person.get(OPERATIONS) for _ in range(count)))
    return Counter(answer.status for answer in answers)


async def test_check_24_fifty_at_once_and_thirty_a_second_from_then_on(alice: Person, clock: list[float]) -> None:
    assert await statuses(alice, 60) == {200: 50, 429: 10}

    for _ in range(3):
        clock[0] += 1
        assert await statuses(alice, 40) == {200: 30, 429: 10}

    clock[0] += 60
    assert await statuses(alice, 60) == {200: 50, 429: 10}


async def test_check_24_the_answer_says_when_to_come_back(alice: Person, clock: list[float]) -> None:
    served = await alice.get(OPERATIONS)
    await statuses(alice, 49)
    refused = await alice.get(OPERATIONS)

    assert served.headers["RateLimit-Policy"] == '"token";q=50;w=2'
    assert served.headers["RateLimit"] == '"token";r=49;t=1'
    assert (refused.status, refused.json) == (429, {"message": "Rate limit exceeded"})
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit"] == '"token";r=0;t=2'


async def test_check_24_calls_are_not_counted_and_a_thousand_may_run(shop: Shop, clock: list[float]) -> None:
    body = {"operation": "nothing_of_this_name", "input": {}}
    path = "/core/v1/connectors/shop/versions/1.0/call"

    answers = await asyncio.gather(*(shop.owner.post(path, body) for _ in range(200)))

    assert {answer.status for answer in answers} == {404}
    assert (await shop.owner.get(OPERATIONS)).status == 200


async def test_graphql_is_counted_too(alice: Person, clock: list[float]) -> None:
    await statuses(alice, 50)

    refused = await alice.post("/graphql", {"query": "{ __typename }"})

    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert (refused.json["message"], refused.json["data"]) == ("Rate limit exceeded", None)
    [problem] = refused.json["errors"]
    assert problem["message"] == "Rate limit exceeded"
    assert (problem["extensions"]["name"], problem["extensions"]["code"]) == ("PreconditionError", "access_not_allowed")
    assert problem["extensions"]["time_thrown"].endswith("Z")


async def test_one_token_does_not_use_up_anothers(hub: Hub, alice: Person, bob: Person, clock: list[float]) -> None:
    await statuses(alice, 50)

    assert (await alice.get(OPERATIONS)).status == 429
    assert (await bob.get(OPERATIONS)).status == 200


async def test_all_tokens_of_an_organization_have_a_limit_together(
    hub: Hub, alice: Person, charlie: Person, clock: list[float]
) -> None:
    few = hub.settings.model_copy(update={"organization_request_burst": 20, "organization_requests_per_second": 1.0})
    hub.limits = RequestLimits(few, lambda: clock[0])
    people = [alice, *[await end_user(hub, alice, name) for name in ("ann", "ben")]]

    for person in people[:2]:
        assert await statuses(person, 10) == {200: 10}

    refused = await people[2].get(OPERATIONS)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert refused.headers["RateLimit-Policy"] == '"organization";q=20;w=20'
    assert (await charlie.get(OPERATIONS)).status == 200


async def test_who_has_no_good_token_is_told_that_and_nothing_of_limits(alice: Person) -> None:
    answer = await replace(alice, token="jf_api_x").get(OPERATIONS)

    assert answer.status == 401
    assert "RateLimit" not in answer.headers


async def test_a_limit_can_be_switched_off(hub: Hub, alice: Person) -> None:
    off = hub.settings.model_copy(update={"requests_per_second": 0.0, "organization_requests_per_second": 0.0})
    hub.limits = RequestLimits(off)

    assert await statuses(alice, 100) == {200: 100}
    assert "RateLimit" not in (await alice.get(OPERATIONS)).headers


def test_a_bucket_never_gives_more_than_its_burst_and_its_rate_allow() -> None:
    time, served = [0.0], 0
    buckets = Buckets(Policy("x", per_second=30, burst=50), lambda: time[0])

    for step in range(10_000):
        time[0] = step / 1000  # ten seconds, a thousand requests in each
        served += not buckets.take("a").wait_seconds

    assert served == 50 + 30 * 10 - 1
