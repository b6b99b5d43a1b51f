"""Sharing, the namespace and tokens from the command line, on a real hub."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from jackfield.hub_client import HubClient
from tests.hub.connectors import connector_zip
from tests.hub.processes import HubProcess, running
from tests.kit.command_line import CommandLine


@pytest.fixture(scope="module")
def real_hub(tmp_path_factory: pytest.TempPathFactory) -> Generator[HubProcess]:
    with running(tmp_path_factory.mktemp("hub") / "data") as hub:
        yield hub


@pytest.fixture
def master(real_hub: HubProcess) -> HubClient:
    return HubClient(real_hub.url, real_hub.tokens["masterToken"])


@pytest.fixture
def at_hub(cli: CommandLine, real_hub: HubProcess, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command, logged in with the master token."""
    monkeypatch.setenv("JACKFIELD_API_URL", real_hub.url)
    monkeypatch.setenv("JACKFIELD_API_TOKEN", real_hub.tokens["masterToken"])
    return cli


def test_a_connector_is_shared_listed_and_taken_back(at_hub: CommandLine, master: HubClient) -> None:
    master.create_program({"name": "Carol", "email": "carol@example.com"})
    archive = connector_zip()
    deployment = master.deploy("acme", "1.0", archive)
    while deployment["deploymentStatus"] == "Deploying":
        deployment = master.deployment("acme", "1.0", deployment["id"])

    added = at_hub("permissions", "add", "acme", "1.0.7", "-e", "'carol@example.com', nobody@example.com")
    listed = at_hub("permissions", "list", "acme", "--json")
    removed = at_hub("permissions", "remove", "acme", "1.0", "carol@example.com")
    empty = at_hub("permissions", "list", "acme")

    assert (added.exit_code, "1 permissions added" in added.talk) == (0, True)
    assert listed.json == {"emails": ["carol@example.com"]}
    assert (removed.exit_code, "is not shared" in empty.talk) == (0, True)


def test_an_empty_workspace_is_warned_of(at_hub: CommandLine) -> None:
    answer = at_hub("permissions", "add", "acme", "-w", "7c0")

    assert answer.exit_code == 0
    assert "0 permissions added" in answer.talk
    assert "No permissions to add for workspace: 7c0" in answer.talk


def test_one_says_with_whom_once(at_hub: CommandLine) -> None:
    both, neither = at_hub("permissions", "add", "acme", "-e", "a", "-w", "b"), at_hub("permissions", "add", "acme")

    assert (both.exit_code, "Please provide either emails or workspace IDs, not both" in both.talk) == (2, True)
    assert neither.exit_code == 2


def test_what_is_not_there_cannot_be_shared(at_hub: CommandLine) -> None:
    answer = at_hub("permissions", "add", "nothing", "1.1", "-e", "carol@example.com")

    assert answer.exit_code == 1
    assert "The connector (Left(nothing~1.1)) was not found" in answer.talk


def test_a_token_is_made_for_a_program_listed_and_revoked(at_hub: CommandLine, real_hub: HubProcess) -> None:
    made = at_hub("token", "create", "ci", "--role", "viewer", "--days", "3", "--json")
    text = made.json["token"]
    assert HubClient(real_hub.url, text).me()["name"] == "ci"

    listed = at_hub("token", "list")
    assert made.json["id"] in listed.data
    assert text not in listed.data

    assert at_hub("token", "revoke", made.json["id"]).exit_code == 0
    assert at_hub("token", "revoke", made.json["id"]).exit_code == 1


def test_a_token_is_the_only_thing_on_stdout(at_hub: CommandLine, real_hub: HubProcess) -> None:
    made = at_hub("token", "create", "another one", "--master")

    assert HubClient(real_hub.url, made.data.strip()).me()["kind"] == "master"
    assert made.data.strip() not in made.talk
    assert at_hub("token", "create", "x", "--master", "--role", "Admin").exit_code == 2


def test_the_namespace_is_chosen_once(at_hub: CommandLine, real_hub: HubProcess) -> None:
    organization_id = real_hub.tokens["organizationId"]
    assert at_hub("namespace", "get").exit_code == 1

    made = at_hub("namespace", "create", organization_id, "acme")
    other = at_hub("namespace", "create", "other")

    assert (made.exit_code, made.data) == (0, "acme\n")
    assert (other.exit_code, "has the namespace acme already" in other.talk) == (1, True)
    assert at_hub("namespace", "get", organization_id, "--json").json == {"namespace": "acme"}


def test_people_are_added_listed_and_removed(at_hub: CommandLine) -> None:
    added = at_hub("user", "create", "femi@example.com", "--role", "contributor", "--json")
    again = at_hub("user", "create", "femi@example.com")
    listed = at_hub("user", "list", "--json").json["elements"]
    found = at_hub("user", "list", "--email", "femi@example.com")
    removed = at_hub("user", "remove", added.json["id"])
    gone = at_hub("user", "list", "--email", "femi@example.com", "--json")

    assert (added.json["name"], added.json["role"]["name"]) == ("femi", "Contributor")
    assert (again.exit_code, "e-mail already" in again.talk) == (1, True)
    assert {"femi@example.com"} < {one["email"] for one in listed}
    assert added.json["id"] in found.data
    assert (removed.exit_code, gone.json) == (0, {"elements": []})


def test_a_service_is_deleted(at_hub: CommandLine, master: HubClient) -> None:
    master.create_service({"name": "diary", "title": "Diary", "baseUrl": "https://diary.example"})

    assert at_hub("service", "delete", "diary", "1").exit_code == 0
    again = at_hub("service", "delete", "diary", "1")
    assert (again.exit_code, "not found" in again.talk) == (1, True)
