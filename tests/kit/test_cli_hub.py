"""Speaking to a hub: who we are, what it offers, calling it."""

from __future__ import annotations

import json
import signal
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from jackfield.cli.doctor import doctor
from tests.kit.command_line import CommandLine
from tests.kit.stand_in_hub import TOKEN, StandInHub


@pytest.fixture
def logged_in(cli: CommandLine, hub: StandInHub) -> CommandLine:
    assert cli("login", "--url", hub.url, "--token-stdin", stdin=TOKEN).exit_code == 0
    hub.seen.clear()
    return cli


def saved_logins(cli: CommandLine) -> Path:
    return cli.folder.parent / "config" / "jackfield" / "logins.json"


def test_a_login_is_saved_for_its_owner_only(cli: CommandLine, hub: StandInHub) -> None:
    answer = cli("login", "--url", hub.url + "/", "--token-stdin", stdin=f"Bearer {TOKEN}\n")

    assert answer.exit_code == 0
    assert f"Logged in to {hub.url} as alice (profile default)" in answer.talk
    assert stat.S_IMODE(saved_logins(cli).stat().st_mode) == 0o600
    assert stat.S_IMODE(saved_logins(cli).parent.stat().st_mode) == 0o700
    assert [one.name for one in saved_logins(cli).parent.iterdir()] == ["logins.json"]


def test_a_token_the_hub_refuses_is_not_saved(cli: CommandLine, hub: StandInHub) -> None:
    answer = cli("login", "--url", hub.url, "--token-stdin", stdin="jf_api_wrong")

    assert answer.exit_code == 1
    assert "The request is unauthorized" in answer.talk
    assert "Next: the token is wrong" in answer.talk
    assert "jf_api_wrong" not in answer.talk + answer.data
    assert not saved_logins(cli).exists()


@pytest.mark.parametrize(
    "url",
    [
        "hub.example.com",
        "ftp://hub.example.com",
        "https://alice:secret@hub.example.com",
        "http://",
        "http://[::1",
        "http://host:port",
        "http://a b",
    ],
)
def test_an_address_that_is_none_is_a_usage_error(cli: CommandLine, url: str) -> None:
    answer = cli("login", "--url", url, "--token-stdin", stdin=TOKEN)

    assert answer.exit_code == 2
    assert "secret" not in answer.talk


def test_a_token_with_a_line_break_never_becomes_a_header(cli: CommandLine, hub: StandInHub) -> None:
    answer = cli("login", "--url", hub.url, "--token-stdin", stdin="one two")

    assert answer.exit_code == 1
    assert hub.seen == []


def test_without_a_terminal_login_says_what_is_missing(cli: CommandLine, hub: StandInHub) -> None:
    assert "Add --url" in cli("login").talk
    answer = cli("login", "--url", hub.url)
    assert answer.exit_code == 2
    assert "--token-stdin" in answer.talk


def test_profiles_are_regions(logged_in: CommandLine, hub: StandInHub) -> None:
    logged_in("login", "--url", hub.url, "--profile", "eu", "--token-stdin", stdin=TOKEN)

    shown = logged_in("profiles", "--json")

    marks = [(one["name"], one["isCurrent"]) for one in shown.json["elements"]]
    assert marks == [("default", False), ("eu", True)]
    assert TOKEN not in shown.data + logged_in("profiles").data
    assert logged_in("profiles", "--use", "default").exit_code == 0
    assert logged_in("profiles", "--json").json["elements"][0]["isCurrent"]


def test_logout_forgets_the_token(logged_in: CommandLine) -> None:
    assert logged_in("logout").exit_code == 0

    assert TOKEN not in saved_logins(logged_in).read_text()
    answer = logged_in("connectors", "list")
    assert (answer.exit_code, "not logged in" in answer.talk, "Next: jackfield login" in answer.talk) == (1, True, True)
    assert logged_in("logout").exit_code == 1


def test_the_environment_wins_over_the_saved_login(
    logged_in: CommandLine, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandInHub() as other:
        monkeypatch.setenv("JACKFIELD_API_URL", other.url)
        monkeypatch.setenv("JACKFIELD_API_TOKEN", TOKEN)

        assert logged_in("connectors", "list").exit_code == 0

        assert (len(hub.seen), len(other.seen)) == (0, 1)


def test_a_saved_token_does_not_travel_to_another_address(
    logged_in: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandInHub() as other:
        monkeypatch.setenv("JACKFIELD_API_URL", other.url)

        answer = logged_in("connectors", "list")

        assert answer.exit_code == 1
        assert "set JACKFIELD_API_TOKEN" in answer.talk
        assert other.seen == []


def test_a_saved_token_is_used_when_the_variable_names_its_hub(
    logged_in: CommandLine, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JACKFIELD_API_URL", hub.url)

    assert logged_in("connectors", "list").exit_code == 0


def test_two_ways_to_name_a_hub_are_refused(logged_in: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_API_URL", "https://hub.example.com")

    answer = logged_in("connectors", "list", "--profile", "default")

    assert answer.exit_code == 2
    assert "leave out one of them" in answer.talk


def test_a_token_does_not_follow_a_redirect(logged_in: CommandLine, hub: StandInHub) -> None:
    with StandInHub() as other:
        hub.refuse_with, hub.location = (302, b""), f"{other.url}/core/v1/connectors"

        answer = logged_in("connectors", "list")

        assert answer.exit_code == 1
        assert "another address" in answer.talk
        assert other.seen == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"message": "The request is unauthorized"}', "Next: the token is wrong"),
        (403, b'{"message": "The request is forbidden"}', "Next: use a token that may"),
        (404, b'{"message": "Not found"}', "Next: check the address"),
        (429, b'{"message": "Limit exceeded"}', "Next: wait a moment"),
        (500, b'{"message": "Internal error"}', "Next: try again"),
        (502, b"<html>", "answered 502, and not the way a hub does"),
        (200, b"<html>", "is not a hub"),
    ],
)
def test_every_refusal_says_what_to_do_next(
    logged_in: CommandLine, hub: StandInHub, status: int, body: bytes, said: str
) -> None:
    hub.refuse_with = (status, body)

    answer = logged_in("connectors", "list")

    assert answer.exit_code == 1
    assert said in answer.talk
    assert TOKEN not in answer.talk
    assert answer.data == ""


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        ("calls show nope", "jackfield calls list"),
        ("connectors operations nope 1.0", "jackfield connectors list"),
        ("connectors log nope 1.0", "jackfield connectors list"),
        ("connectors call acme 1.0 nope", "jackfield connectors list, and jackfield connectors operations NAME"),
        ("connectors call acme 1.0 get_product --auth nope", "--auth wants the id of an authentication of yours"),
        ("deployment get acme 1.0 nope", "leave out the id"),
        ("namespace get nope", "jackfield namespace create"),
        ("namespace create nope good", "leave out ORGID"),
        ("permissions add nope -e bob@example.com", "jackfield connectors list"),
        ("permissions list nope", "jackfield connectors list"),
        ("permissions remove acme 1.0 nope", "jackfield permissions list acme 1.0"),
        ("service delete nope 1", "jackfield service list"),
        ("service show nope 1", "jackfield service list"),
        ("token create ci --user nope", "jackfield user list"),
        ("token revoke nope", "jackfield token list"),
        ("user remove nope", "jackfield user list"),
        ("usage", "check the address"),
    ],
)
def test_what_the_hub_does_not_have_is_looked_up_where_it_belongs(
    logged_in: CommandLine, hub: StandInHub, words: str, next_step: str
) -> None:
    hub.refuse_with = (404, b'{"message": "It was not found"}')

    answer = logged_in(*words.split())

    assert answer.exit_code == 1
    assert "Error: It was not found\n" in answer.talk
    assert next_step in answer.talk.partition("Next: ")[2]


EVERY_COMMAND = [
    "calls list",
    "calls list --follow",
    "calls show nope",
    "connectors call acme 1.0 get_product",
    "connectors call acme 1.0 get_product --file report=report.pdf",
    "connectors list",
    "connectors log acme 1.0",
    "connectors operations acme",
    "connectors operations acme 1.0",
    "deployment get acme 1.0",
    "namespace create good",
    "namespace get",
    "namespace get an-id",
    "permissions add acme -e bob@example.com",
    "permissions add acme -w an-id",
    "permissions list acme",
    "permissions remove acme 1.0 bob@example.com",
    "service create --from service.json",
    "service delete acme 1",
    "service list",
    "service show acme 1",
    "service update --from service.json",
    "token create ci",
    "token create ci --role Viewer",
    "token list",
    "token revoke an-id",
    "usage",
    "usage --by day",
    "user create bob@example.com",
    "user list",
    "user remove an-id",
]


@pytest.mark.parametrize("words", EVERY_COMMAND)
@pytest.mark.parametrize(
    "answer",
    [b'{"status": "up"}', b'{"elements": [{"id": 1}], "pageInfo": {}}', b'{"elements": 1}', b"[]", b"<html>"],
)
def test_no_command_takes_a_stranger_for_a_hub(
    logged_in: CommandLine, hub: StandInHub, words: str, answer: bytes
) -> None:
    (logged_in.folder / "report.pdf").write_bytes(b"%PDF")
    (logged_in.folder / "service.json").write_text('{"name": "acme", "title": "Acme"}')
    hub.refuse_with = (200, answer)

    said = logged_in(*words.split())

    assert (said.exit_code, said.data) == (1, "")
    assert f"Error: what answers at {hub.url} is not a hub" in said.talk
    assert "Next: check the address" in said.talk


def test_nobody_logs_in_to_a_stranger(cli: CommandLine, hub: StandInHub) -> None:
    hub.refuse_with = (200, b'{"status": "up"}')

    answer = cli("login", "--url", hub.url, "--token-stdin", stdin=TOKEN)

    assert (answer.exit_code, "is not a hub" in answer.talk) == (1, True)
    assert not saved_logins(cli).exists()


def test_a_hub_that_does_not_answer_is_named(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("JACKFIELD_API_TOKEN", TOKEN)

    answer = cli("connectors", "list")

    assert answer.exit_code == 1
    assert "no hub answers at http://127.0.0.1:1" in answer.talk
    assert "jackfield doctor" in answer.talk


def test_connectors_are_listed_by_version_number(logged_in: CommandLine) -> None:
    table, data = logged_in("connectors", "list"), logged_in("connectors", "list", "--json")

    assert table.data.index("1.9") < table.data.index("1.10")
    assert [one["version"] for one in data.json["elements"]] == ["1.9", "1.10"]
    assert data.json["elements"][0]["service"]["version"] == 1


def test_operations_of_the_newest_version_are_shown(logged_in: CommandLine, hub: StandInHub) -> None:
    answer = logged_in("connectors", "operations", "acme")

    assert hub.seen[-1].path == "/core/v1/connectors/acme/versions/1.10/operations"
    assert "product_id*, currency" in answer.data
    assert logged_in("connectors", "operations", "acme", "1.9", "--json").json["elements"][0]["name"] == "get_product"
    assert hub.seen[-1].path == "/core/v1/connectors/acme/versions/1.9/operations"


def test_a_call_sends_what_the_public_api_wants(logged_in: CommandLine, hub: StandInHub) -> None:
    words = ["connectors", "call", "acme", "1.9", "get_product", "--input", '{"product_id": 1}', "--auth", "an-id"]

    answer = logged_in(*words, "--output-schema")

    assert answer.json == {"outcome": "success", "output": {"id": 1}}
    assert hub.seen[-1].path == "/core/v1/connectors/acme/versions/1.9/call"
    assert hub.seen[-1].body == {
        "operation": "get_product",
        "input": {"product_id": 1},
        "authId": "an-id",
        "returnOutputSchema": True,
    }


def test_a_call_without_version_takes_the_newest(logged_in: CommandLine, hub: StandInHub) -> None:
    assert logged_in("connectors", "call", "acme", "get_product").exit_code == 0

    assert hub.seen[-1].path == "/core/v1/connectors/acme/versions/1.10/call"
    assert hub.seen[-1].body == {"operation": "get_product", "input": {}}


def test_a_failed_call_prints_its_outcome_and_exits_1(logged_in: CommandLine, hub: StandInHub) -> None:
    hub.outcome = {"outcome": "error", "output": {"message": "Not found.", "response": {"statusCode": 404}}}

    answer = logged_in("connectors", "call", "acme", "get_product")

    assert answer.exit_code == 1
    assert answer.json["output"]["response"]["statusCode"] == 404
    assert "Not found." in answer.talk


def test_input_comes_from_a_file_or_stdin(logged_in: CommandLine, hub: StandInHub) -> None:
    (logged_in.folder / "input.json").write_text('{"product_id": 2}')

    logged_in("connectors", "call", "acme", "get_product", "--input", "@input.json")
    logged_in("connectors", "call", "acme", "get_product", "--input", "-", stdin='{"product_id": 3}')

    calls = [one.body["input"] for one in hub.seen if one.method == "POST"]
    assert calls == [{"product_id": 2}, {"product_id": 3}]


@pytest.mark.parametrize("text", ["[1]", '{"a":', "@missing.json", "null", ""])
def test_input_that_is_no_json_object_is_a_usage_error(logged_in: CommandLine, hub: StandInHub, text: str) -> None:
    answer = logged_in("connectors", "call", "acme", "get_product", "--input", text)

    assert answer.exit_code == 2
    assert hub.seen == []


def test_an_unknown_connector_says_where_to_look(logged_in: CommandLine) -> None:
    answer = logged_in("connectors", "operations", "nobody")

    assert answer.exit_code == 1
    assert "no connector nobody" in answer.talk
    assert "jackfield connectors list" in answer.talk


def test_a_strangers_text_cannot_move_the_cursor(logged_in: CommandLine, hub: StandInHub) -> None:
    hub.refuse_with = (404, json.dumps({"message": "gone \x1b[2J\x1b]0;owned\x07"}).encode())

    assert "\x1b" not in logged_in("connectors", "list").talk


def test_ctrl_c_stops_a_waiting_call_with_130(logged_in: CommandLine, hub: StandInHub) -> None:
    hub.hang = threading.Event()
    running = logged_in.start("connectors", "list")
    try:
        assert running.stderr is not None
        assert "Asking the hub" in running.stderr.readline()
        while not hub.seen:
            threading.Event().wait(0.01)

        running.send_signal(signal.SIGINT)

        assert running.wait(timeout=20) == 130
        assert running.stderr.read().strip() == "Stopped."
    finally:
        hub.hang.set()
        running.kill()
        running.communicate()


def test_doctor_finds_what_is_wrong_and_says_how_to_mend_it(logged_in: CommandLine, hub: StandInHub) -> None:
    well = CliRunner().invoke(doctor, ["--json"])
    assert all(one["isWell"] for one in json.loads(well.stdout)["elements"])

    saved_logins(logged_in).chmod(0o644)
    hub.refuse_with = (401, b'{"message": "The request is unauthorized"}')
    answer = CliRunner().invoke(doctor)

    assert answer.exit_code == 1
    assert "chmod 600" in answer.stderr
    assert "jackfield login" in answer.stderr
    assert TOKEN not in answer.output


def test_a_broken_file_of_logins_is_named(cli: CommandLine) -> None:
    saved_logins(cli).parent.mkdir(parents=True)
    saved_logins(cli).write_text("{")

    answer = cli("connectors", "list")

    assert answer.exit_code == 1
    assert str(saved_logins(cli)) in answer.talk
