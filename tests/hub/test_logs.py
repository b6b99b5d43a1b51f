"""The log: one JSON object a line, and nothing in it that was not meant for it."""

from __future__ import annotations

import json
import logging
from typing import Any

import aiohttp
import pytest

from jackfield_hub.logs import describe, log
from tests.hub.people import Person

SECRET = "correct-horse-battery"


def lines(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


async def test_a_request_is_one_line_with_its_route_and_nothing_it_carried(
    alice: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    answer = await alice.send("GET", f"/v1/me?password={SECRET}", SECRET, {"X-Api-Key": SECRET})

    said = capsys.readouterr().err
    (line,) = lines(said)
    assert line["ms"] > 0
    assert line["at"].endswith("Z")
    assert {name: line[name] for name in ("event", "level", "method", "route", "status", "organization")} == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "route": "/v1/me",
        "status": 200,
        "organization": alice.organization_id,
    }
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert SECRET not in said
    assert alice.token not in said


async def test_addresses_we_do_not_have_are_not_repeated(
    door: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    async with door.get(f"/{SECRET}/{SECRET}"), door.get(f"/v1/me/{SECRET}"):
        pass

    said = capsys.readouterr().err
    assert [(line["route"], line["status"]) for line in lines(said)] == [(None, 404), (None, 404)]
    assert SECRET not in said


def test_a_failure_is_told_by_its_class_and_place_but_not_in_its_words() -> None:
    def fail() -> None:
        try:
            int(SECRET)
        except ValueError as mistake:
            raise RuntimeError(SECRET) from mistake

    with pytest.raises(RuntimeError) as failure:
        fail()
    about = describe(failure.value)

    assert (about["failure"], about["cause"]) == ("builtins.RuntimeError", "builtins.ValueError")
    assert about["trace"][0].startswith("test_logs.py:")
    assert SECRET not in str(about)


def test_a_librarys_complaint_is_a_line_too_without_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("asyncio").error("Task got bad %s", SECRET)
    logging.getLogger("asyncio").info("chatter")

    (line,) = lines(capsys.readouterr().err)
    assert (line["event"], line["library"], line["severity"]) == ("library_complains", "asyncio", "ERROR")
    assert SECRET not in str(line)


def test_texts_from_outside_stay_on_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.info("tried", name='x\n{"event": "forged"}')

    assert len(lines(capsys.readouterr().err)) == 1
