"""Bringing a connector to a hub."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.kit.command_line import Answer, CommandLine
from tests.kit.stand_in_hub import DEPLOYMENT_ID, TOKEN, StandInHub

DEPLOYING, DEPLOYED = {"deploymentStatus": "Deploying"}, {"deploymentStatus": "Deployed"}
FAILED = {"deploymentStatus": "Failed", "errors": [{"step": "install", "message": "there is no package called x"}]}


@pytest.fixture
def shop(cli: CommandLine, hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A connector just started, by somebody who is logged in."""
    monkeypatch.setenv("JACKFIELD_API_URL", hub.url)
    monkeypatch.setenv("JACKFIELD_API_TOKEN", TOKEN)
    assert cli("connector", "init", "My Shop").exit_code == 0
    monkeypatch.chdir("my-shop")
    return cli.folder / "my-shop"


def create(cli: CommandLine, shop: Path, *words: str) -> Answer:
    return cli.process("deployment", "create", *words, folder=shop)


def test_create_tests_builds_and_hands_in(cli: CommandLine, shop: Path, hub: StandInHub) -> None:
    answer = create(cli, shop)

    assert answer.exit_code == 0, answer.talk
    said = ["Tests ran successfully", "Connector Build Finished", "Connector Deploy Request Sent", DEPLOYMENT_ID]
    assert [answer.talk.count(line) > 0 for line in said] == [True] * 4
    assert hub.seen[0].path == "/cdk/v1/deployments/connectors/my-shop/versions/1.0/deploy-connector-from-source"
    assert list(hub.seen[0].body) == ["connectorSourceCode"]
    assert "my-shop/connector.json" in hub.uploaded_names
    assert answer.data == ""


def test_wait_stays_until_it_is_deployed(cli: CommandLine, shop: Path, hub: StandInHub) -> None:
    hub.states = [DEPLOYING, DEPLOYING, DEPLOYED]

    answer = create(cli, shop, "--wait", "--skip-tests", "--json")

    assert answer.exit_code == 0
    assert answer.json["deploymentStatus"] == "Deployed"
    assert "my-shop 1.0 answers calls" in answer.talk
    assert [one.method for one in hub.seen] == ["POST", "GET", "GET", "GET"]


def test_a_failed_deployment_says_which_step_and_why(cli: CommandLine, shop: Path, hub: StandInHub) -> None:
    hub.states = [DEPLOYING, FAILED]

    answer = create(cli, shop, "--wait", "--skip-tests")

    assert answer.exit_code == 1
    assert "install: there is no package called x" in answer.talk


def test_waiting_has_an_end(cli: CommandLine, shop: Path, hub: StandInHub) -> None:
    hub.states = [DEPLOYING]

    answer = create(cli, shop, "--wait", "--wait-seconds", "0", "--skip-tests")

    assert answer.exit_code == 1
    assert f"jackfield deployment get my-shop 1.0 {DEPLOYMENT_ID}" in answer.talk


def test_a_deployment_already_running_is_the_one_we_hear_about(cli: CommandLine, shop: Path, hub: StandInHub) -> None:
    hub.is_repeat = True

    answer = create(cli, shop, "--skip-tests")

    assert answer.exit_code == 0
    assert "is being deployed already" in answer.talk
    assert DEPLOYMENT_ID in answer.talk


def test_failing_tests_keep_a_connector_at_home(cli: CommandLine, shop: Path, hub: StandInHub) -> None:
    (shop / "tests").mkdir(exist_ok=True)
    (shop / "tests" / "test_broken.py").write_text("def test_it():\n    assert False\n")

    answer = create(cli, shop)

    assert (answer.exit_code, "the tests failed" in answer.talk, hub.seen) == (1, True, [])


def test_a_refused_archive_is_said_in_the_hubs_words(cli: CommandLine, shop: Path, hub: StandInHub) -> None:
    hub.refuse_with = (400, b'{"message": "connector.json says 2.0, the address says 1.0"}')

    answer = create(cli, shop, "--skip-tests")

    assert answer.exit_code == 1
    assert "connector.json says 2.0" in answer.talk


def test_nobody_waits_for_tests_without_being_logged_in(
    cli: CommandLine, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JACKFIELD_API_URL")
    monkeypatch.delenv("JACKFIELD_API_TOKEN")

    answer = create(cli, shop)

    assert answer.exit_code == 1
    assert "not logged in" in answer.talk
    assert "Running the tests" not in answer.talk


def test_ctrl_c_while_waiting_says_that_it_stopped(cli: CommandLine, shop: Path, hub: StandInHub) -> None:
    hub.states = [DEPLOYING]
    running = CommandLine(shop).start("deployment", "create", "--wait", "--skip-tests")
    try:
        assert running.stderr is not None
        while "Deploying my-shop" not in running.stderr.readline():
            assert running.poll() is None

        running.send_signal(signal.SIGINT)

        assert running.wait(timeout=20) == 130
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ([], "my-shop/versions/1.0/latest"),
        (["other"], "other/versions/1.0/latest"),
        (["other", "2.1"], "other/versions/2.1/latest"),
        (["other", "2.1", DEPLOYMENT_ID], f"other/versions/2.1/{DEPLOYMENT_ID}"),
    ],
)
def test_get_asks_about_the_connector_one_names(
    cli: CommandLine, shop: Path, hub: StandInHub, words: list[str], path: str
) -> None:
    answer = cli("deployment", "get", *words, "--json")

    assert (answer.exit_code, answer.json["deploymentStatus"]) == (0, "Deployed")
    assert hub.seen[-1].path == f"/cdk/v1/deployments/connectors/{path}"


@pytest.mark.parametrize(
    ("state", "exit_code"), [(DEPLOYED, 0), (DEPLOYING, 0), (FAILED, 1), ({"deploymentStatus": "?"}, 1)]
)
def test_get_exits_by_the_result(
    cli: CommandLine, shop: Path, hub: StandInHub, state: dict[str, str], exit_code: int
) -> None:
    hub.states = [state]

    assert cli("deployment", "get", "my-shop").exit_code == exit_code


def test_an_unknown_deployment_is_a_failure(cli: CommandLine, shop: Path) -> None:
    answer = cli("deployment", "get", "my-shop", "1.0", "nobody")

    assert (answer.exit_code, "There is no such deployment" in answer.talk) == (1, True)
