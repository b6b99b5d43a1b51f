"""`jackfield calls list --follow`: every call once, also one that is stored after a later one."""

from __future__ import annotations

import json
import signal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.kit.command_line import CommandLine
from tests.kit.stand_in_hub import TOKEN, StandInHub


def a_call(number: int) -> dict[str, Any]:
    return {
        "id": f"01a2031a-{number:04x}-7817-80b5-f0af1b574742",
        "connector": "acme",
        "version": "1.0",
        "operation": "say \x1b[2J",
        "outcome": "success",
        "errorCode": None,
        "userId": None,
        "startedAt": "2026-11-22T11:46:23Z",
        "milliseconds": 12.0,
    }


def test_following_shows_every_call_once_until_ctrl_c(cli: CommandLine) -> None:
    one, late, three = (a_call(number) for number in (1, 2, 3))
    with StandInHub(calls=[[three, one], [three, late, one], [a_call(4), three, late, one]]) as hub:
        assert cli.process("login", "--url", hub.url, "--token-stdin", stdin=TOKEN).exit_code == 0
        running = cli.start("calls", "list", "--follow", "--json")
        assert running.stdout is not None

        shown = [json.loads(running.stdout.readline())["id"] for _ in range(4)]
        running.send_signal(signal.SIGINT)

        assert shown == [one["id"], three["id"], late["id"], a_call(4)["id"]]
        assert running.wait(timeout=20) == 130
        running.communicate()


def test_following_never_shows_what_the_limit_cut_off(cli: CommandLine) -> None:
    newest_first = [a_call(number) for number in (5, 4, 3, 2, 1)]
    with StandInHub(calls=[newest_first, newest_first, [a_call(6), *newest_first]]) as hub:
        assert cli.process("login", "--url", hub.url, "--token-stdin", stdin=TOKEN).exit_code == 0
        running = cli.start("calls", "list", "--follow", "--json", "--limit", "2")
        assert running.stdout is not None

        shown = [json.loads(running.stdout.readline())["id"] for _ in range(3)]
        running.send_signal(signal.SIGINT)

        assert shown == [a_call(number)["id"] for number in (4, 5, 6)]
        assert running.wait(timeout=20) == 130
        running.communicate()


def test_what_a_connector_is_called_moves_no_cursor(cli: CommandLine) -> None:
    with StandInHub(calls=[[a_call(1)]]) as hub:
        assert cli.process("login", "--url", hub.url, "--token-stdin", stdin=TOKEN).exit_code == 0

        listed = cli.process("calls", "list")

    assert (listed.exit_code, "say" in listed.data, "\x1b" in listed.data) == (0, True, False)


@pytest.mark.parametrize(
    ("words", "name", "would_do"),
    [
        ("calls list --from gestern", "--from", "2026-11-22, or 2026-11-22T10:00:00Z"),
        ("calls list --from 2026", "--from", "2026-11-22, or"),
        ("calls list --from -1", "--from", "2026-11-22, or"),
        ("calls list --from 20261122", "--from", "2026-11-22, or"),
        ("calls list --to 2026-11-31", "--to", "2026-11-22, or"),
        ("calls list --auth nope", "--auth", "they look like 01a20314-"),
        ("calls list --user nope", "--user", "they look like 01a20314-"),
        ("usage --from 2026-11-22T10:00:00Z", "--from", "write it like 2026-11-22"),
        ("usage --to 1795305600", "--to", "write it like 2026-11-22"),
        ("usage --user x", "--user", "they look like 01a20314-"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(cli: CommandLine, words: str, name: str, would_do: str) -> None:
    answer = cli(*words.split())

    assert answer.exit_code == 2
    assert f"Invalid value for '{name}'" in answer.talk
    assert would_do in answer.talk


@pytest.mark.parametrize(
    "moment", ["2026-11-22", "2026-11-22T10:00", "2026-11-22 10:00:00.5Z", "2026-11-22T10:00:00+02:00"]
)
def test_a_moment_reaches_the_hub_as_it_was_typed(cli: CommandLine, moment: str) -> None:
    with StandInHub() as hub:
        assert cli("login", "--url", hub.url, "--token-stdin", stdin=TOKEN).exit_code == 0

        answer = cli("calls", "list", "--from", moment, "--user", "01A20314-2BB1-7AF1-A0CB-451468254147")

    asked = dict(parse_qsl(urlsplit(hub.seen[-1].path).query))
    assert (answer.exit_code, asked["from"]) == (0, moment)
    assert asked["userId"] == "01a20314-2bb1-7af1-a0cb-451468254147"


def test_what_was_kept_of_a_call_is_shown_as_the_json_it_is(cli: CommandLine) -> None:
    payload = {"input": '{"text":"\u00fc \\"two\\"","ids":[1]}', "output": '{"id":7,"na', "isCut": True}
    with StandInHub(calls=[[{**a_call(1), "payload": payload}]]) as hub:
        assert cli("login", "--url", hub.url, "--token-stdin", stdin=TOKEN).exit_code == 0

        shown = cli("calls", "show", a_call(1)["id"])
        data = cli("calls", "show", a_call(1)["id"], "--json")

    given = '{\n  "text": "\u00fc \\"two\\"",\n  "ids": [\n    1\n  ]\n}'
    assert shown.data.endswith(f'\n\ninput\n{given}\n\noutput\n{{"id":7,"na\n')
    assert ("payload" in shown.data, "The end is missing" in shown.talk) == (False, True)
    assert data.json["payload"] == payload


def test_what_a_service_answered_moves_no_cursor(cli: CommandLine) -> None:
    payload = {"input": "{}", "output": '"\x9b2J\x1b[2J"', "isCut": False}
    with StandInHub(calls=[[{**a_call(1), "payload": payload}]]) as hub:
        assert cli("login", "--url", hub.url, "--token-stdin", stdin=TOKEN).exit_code == 0

        shown = cli("calls", "show", a_call(1)["id"])

    assert ("2J" in shown.data, "\x9b" in shown.data, "\x1b" in shown.data) == (True, False, False)
