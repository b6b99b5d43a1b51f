"""The command and the hub, each a process of its own: from an empty folder to a called operation."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.hub.processes import HubProcess, running
from tests.kit.command_line import CommandLine
from tests.kit.third_party import third_party


@pytest.fixture(scope="module")
def real_hub(tmp_path_factory: pytest.TempPathFactory) -> Generator[HubProcess]:
    """One hub for all of these: starting it takes longer than what they ask of it."""
    with running(tmp_path_factory.mktemp("hub") / "data", allowed_networks="127.0.0.0/8") as hub:
        yield hub


@pytest.fixture
def cli_at_hub(cli: CommandLine, real_hub: HubProcess) -> CommandLine:
    """The command, logged in to a real hub with its API token."""
    token = real_hub.tokens["apiToken"]
    answer = cli.process("login", "--url", real_hub.url, "--token-stdin", stdin=token)
    assert answer.exit_code == 0, answer.talk
    assert token not in answer.talk
    return cli


def test_a_connector_goes_from_a_folder_to_a_hub_and_is_called(cli_at_hub: CommandLine) -> None:
    with third_party() as url:
        shop = new_shop(cli_at_hub, url)

        deployed = cli_at_hub.process("deployment", "create", "--wait", "--skip-tests", "--json", folder=shop)
        assert deployed.exit_code == 0, deployed.talk
        assert deployed.json["deploymentStatus"] == "Deployed"

        looked = cli_at_hub.process("deployment", "get", "--json", folder=shop)
        assert looked.json == deployed.json
        listed = cli_at_hub.process("connectors", "list", "--json")
        assert [(one["name"], one["version"]) for one in listed.json["elements"]] == [("my-shop", "1.0")]
        assert "product_id*" in cli_at_hub.process("connectors", "operations", "my-shop").data

        called = cli_at_hub.process("connectors", "call", "my-shop", "get_product", "--input", '{"product_id": 1}')
        assert called.exit_code == 0, called.talk
        assert called.json["output"]["price"] == 9.5
        refused = cli_at_hub.process("connectors", "call", "my-shop", "get_product")
        assert (refused.exit_code, "required key [product_id] not found" in refused.talk) == (1, True)
        missing = cli_at_hub.process("connectors", "call", "my-shop", "get_product", "--input", '{"product_id": 2}')
        assert (missing.exit_code, missing.json["outcome"]) == (1, "error")

        found = cli_at_hub.process("calls", "list", "--connector", "my-shop", "--json").json["elements"]
        assert [one["outcome"] for one in found] == ["error", "success"]
        errors = cli_at_hub.process("calls", "list", "--outcome", "error", "--limit", "1")
        assert (found[0]["id"] in errors.data, found[1]["id"] in errors.data) == (True, False)
        assert cli_at_hub.process("calls", "show", found[0]["id"], "--json").json == {**found[0], "payload": None}
        assert cli_at_hub.process("calls", "show", "nope").exit_code == 1
        used = cli_at_hub.process("usage", "--by", "connector", "--by", "operation")
        assert used.data.split()[-3:] == ["my-shop", "get_product", "2"]
        assert cli_at_hub.process("usage").data == "2\n"


MEASURE = '''"""Measure."""

from dataclasses import dataclass
from typing import TypedDict

from jackfield import File, Http

from my_shop.connector import my_shop


@dataclass
class Sent:
    file: File


class Measured(TypedDict):
    length: int
    copy: File


@my_shop.operation
def measure(sent: Sent, http: Http) -> Measured:
    """Say how long a file is."""
    with http.open(sent.file) as stream:
        content = stream.read()
    return {"length": len(content), "copy": http.make_file(sent.file.name, content, sent.file.mime_type)}
'''


def test_a_file_of_this_machine_goes_into_an_operation_here_and_on_the_hub(cli_at_hub: CommandLine) -> None:
    shop = new_shop(cli_at_hub, "https://api.my-shop.example")
    (shop / "my_shop" / "operations" / "measure.py").write_text(MEASURE)
    (shop / "auth.ctx.json").write_text("{}")
    (shop / "report.pdf").write_bytes(bytes(100_000))
    given = ("--file", "file=report.pdf")

    here = cli_at_hub.process("connector", "run", "measure", *given, folder=shop)
    assert cli_at_hub.process("deployment", "create", "--wait", "--skip-tests", folder=shop).exit_code == 0
    there = cli_at_hub.process("connectors", "call", "my-shop", "measure", *given, folder=shop)
    wrong = cli_at_hub.process("connector", "run", "measure", "--file", "file=nothing.pdf", folder=shop)

    assert here.json["output"]["length"] == there.json["output"]["length"] == 100_000, here.talk + there.talk
    assert here.json["output"]["copy"]["mime_type"] == there.json["output"]["copy"]["mime_type"] == "application/pdf"
    assert (shop / "dist" / "files" / "report.pdf").read_bytes() == bytes(100_000)
    assert "/v1/files/" in there.json["output"]["copy"]["url"]
    assert (wrong.exit_code, "there is no file nothing.pdf" in wrong.talk) == (2, True)


def test_a_deployment_that_fails_says_why_and_exits_1(cli_at_hub: CommandLine) -> None:
    shop = new_shop(cli_at_hub, "https://api.my-shop.example")
    # It builds here, and breaks where there is no variable HOME.
    broken = 'import os\n\nos.environ["HOME"]\n'
    connector = shop / "my_shop" / "connector.py"
    connector.write_text(broken + connector.read_text("utf-8"))

    answer = cli_at_hub.process("deployment", "create", "--wait", "--skip-tests", folder=shop)

    assert answer.exit_code == 1
    assert "Connector Deploy Failed: " in answer.talk
    assert "HOME" in answer.talk


def test_doctor_is_content_with_a_real_hub(cli_at_hub: CommandLine) -> None:
    answer = cli_at_hub.process("doctor")

    assert answer.exit_code == 0, answer.talk + answer.data


def new_shop(cli: CommandLine, url: str) -> Path:
    assert cli.process("connector", "init", "My Shop").exit_code == 0
    shop = cli.folder / "my-shop"
    (shop / "my_shop" / "connector.py").write_text(f'from jackfield import Connector\n\nmy_shop = Connector("{url}")\n')
    return shop


SERVICE = """{
  "name": "diary",
  "title": "Diary",
  "baseUrl": "https://api.diary.example",
  "signIn": {"kind": "bearer"},
  "environments": [{"title": "Production", "clientId": "app", "clientSecret": "the-secret-of-the-app"}]
}
"""


def test_a_service_is_set_up_from_a_file_shown_and_changed(cli_at_hub: CommandLine) -> None:
    (cli_at_hub.folder / "diary.json").write_text(SERVICE)

    made = cli_at_hub.process("service", "create", "--from", "diary.json", folder=cli_at_hub.folder)
    assert made.exit_code == 0, made.talk
    assert '"service": {"name": "diary", "version": "1"}' in made.talk

    shown = cli_at_hub.process("service", "show", "diary")
    assert shown.json["environments"][0]["hasClientSecret"] is True
    assert "the-secret" not in shown.data + made.data + made.talk
    changed = shown.data.replace("https://api.diary.example", "https://api2.diary.example")
    updated = cli_at_hub.process("service", "update", "--from", "-", "--json", stdin=changed)
    assert updated.exit_code == 0, updated.talk
    assert updated.json["baseUrl"] == "https://api2.diary.example"
    assert updated.json["environments"] == shown.json["environments"]
    listed = cli_at_hub.process("service", "list", "--json").json["elements"]
    assert ("diary", 1) in [(one["name"], one["version"]) for one in listed]


def test_a_service_that_cannot_be_set_up_says_why(cli_at_hub: CommandLine) -> None:
    (cli_at_hub.folder / "wrong.json").write_text('{"name": "x", "title": "X", "signIn": {"kind": "magic"}}')

    refused = cli_at_hub.process("service", "create", "--from", "wrong.json", folder=cli_at_hub.folder)
    no_file = cli_at_hub.process("service", "create", "--from", "nothing.json")
    unknown = cli_at_hub.process("service", "show", "nothing")

    assert (refused.exit_code, "unknown way to sign in" in refused.talk) == (1, True)
    assert (no_file.exit_code, "nothing.json" in no_file.talk) == (2, True)
    assert (unknown.exit_code, "jackfield service list" in unknown.talk) == (1, True)
