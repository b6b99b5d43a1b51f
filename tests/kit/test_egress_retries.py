"""What the engine sends once more when it has failed, and what it does not."""

from __future__ import annotations

import email.utils
import time
from dataclasses import replace

import pytest

from jackfield.egress.engine import Engine
from jackfield.errors import NoAnswer
from tests.kit.engines import SMALL, get, small_engine
from tests.kit.misbehaving import (
    answer,
    half_close,
    reset,
    third_party,
)

__all__ = ["small_engine"]  # fixtures


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_is_safe_to_repeat_is_repeated(engine: Engine, status: int):
    async with third_party(answer(status=status), answer(b"at last")) as party:
        response = await get(engine, party.url)

    assert (response.body, len(party.requests)) == (b"at last", 2)


async def test_three_times_is_enough(engine: Engine):
    async with third_party(answer(b"no", status=503, Retry_After="0")) as party:
        response = await get(engine, party.url)

    assert (response.status, response.body, len(party.requests)) == (503, b"no", 3)


async def test_a_broken_connection_is_tried_again(engine: Engine):
    async with third_party(reset, half_close, answer(b"at last")) as party:
        assert (await get(engine, party.url, method="PUT", body=b"x")).body == b"at last"


@pytest.mark.parametrize(
    ("method", "is_idempotent", "times"),
    [
        ("POST", None, 1),
        ("PATCH", None, 1),
        ("POST", True, 2),
        ("GET", False, 1),
        ("DELETE", None, 2),
        ("PUT", False, 1),
    ],
)
async def test_only_what_is_idempotent_is_sent_twice(
    engine: Engine, method: str, is_idempotent: bool | None, times: int
):
    for trouble in (answer(status=503, Retry_After="0"), reset):
        async with third_party(trouble, answer()) as party:
            try:
                await get(engine, party.url, method=method, is_idempotent=is_idempotent)
            except NoAnswer:
                assert times == 1

        assert len(party.requests) == times


@pytest.mark.parametrize("spelling", ["seconds", "date"])
async def test_retry_after_is_honoured_when_there_is_time(engine: Engine, spelling: str):
    soon = "1" if spelling == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
    async with third_party(answer(status=429, Retry_After=soon), answer(b"at last")) as party:
        started = time.monotonic()
        response = await get(engine, party.url, seconds=10)

    assert response.body == b"at last"
    assert 0.9 < time.monotonic() - started < 6


async def test_retry_after_the_deadline_is_returned_at_once(engine: Engine):
    async with third_party(answer(status=429, Retry_After="3600")) as party:
        started = time.monotonic()
        response = await get(engine, party.url, seconds=10)

    assert (response.status, response.header("retry-after"), len(party.requests)) == (429, "3600", 1)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e9", "", "99999999999999999999", "Thu, 99 Foo 2020"])
async def test_a_nonsensical_retry_after_breaks_nothing(engine: Engine, nonsense: str):
    async with third_party(answer(status=503, Retry_After=nonsense), answer(b"at last")) as party:
        response = await get(engine, party.url, seconds=5)

    assert response.status in (200, 503)


async def test_a_dying_service_is_not_finished_off_by_retries():
    engine = Engine(replace(SMALL, failures_of=1000))
    async with third_party(answer(status=503, Retry_After="0")) as party, third_party(reset, answer()) as other:
        for _ in range(60):
            await get(engine, party.url)
        assert (await get(engine, other.url)).status == 200  # what one host spent is not taken from another
    await engine.close()

    assert len(party.requests) < 60 + 10 + 6 + 2  # the capital, a tenth of the requests, and rounding
