"""From a zip to a connector that answers, and what its author learns when that fails."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy, deploy_and_wait, deployment_path, until, wait_until_finished
from tests.hub.package_index import PackageIndex, package_index
from tests.hub.people import Person
from tests.hub.stored import stored_values
from tests.hub.zip_forge import Part, connector_json, forge


@pytest.fixture
def index(tmp_path: Path) -> Generator[PackageIndex]:
    with package_index(tmp_path / "index") as index:
        yield index


@pytest.fixture
def settings(settings: Settings, index: PackageIndex) -> Settings:
    return settings.model_copy(update={"package_index": index.url})


async def say(person: Person, name: str = "acme") -> Any:
    """Call the connector's `say` and return the answer."""
    return (await person.post(f"/core/v1/connectors/{name}/versions/1.0/call", {"operation": "say", "input": {}})).json


def words(text: str) -> Any:
    return {"outcome": "success", "output": {"words": text}}


async def failure(person: Person, data: bytes) -> tuple[str, str]:
    """Deploy what cannot be built; return the step and the message."""
    deployment = await deploy_and_wait(person, data)
    assert deployment["deploymentStatus"] == "Failed"
    [error] = deployment["errors"]
    return error["step"], error["message"]


async def test_a_deployed_connector_answers_calls(alice: Person):
    deployment = await deploy_and_wait(alice.program, connector_zip(words="good morning"))

    assert deployment["deploymentStatus"] == "Deployed"
    assert await say(alice) == words("good morning")


async def test_the_master_token_deploys_and_an_end_user_does_not(alice: Person, bob: Person):
    deployment = await deploy_and_wait(alice, connector_zip())

    refused = await deploy(bob, connector_zip())
    unread = await bob.get(deployment_path("acme", deployment["id"]))

    assert deployment["deploymentStatus"] == "Deployed"
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert unread.status == 403


async def test_charlie_sees_nothing_of_alices_deployments(alice: Person, charlie: Person):
    deployment = await deploy_and_wait(alice, connector_zip())

    for name in (deployment["id"], "latest"):
        assert (await charlie.get(deployment_path("acme", name))).status == 404


async def test_two_organizations_deploy_the_same_name_each_for_itself(alice: Person, charlie: Person):
    await asyncio.gather(
        deploy_and_wait(alice, connector_zip(words="from alice")),
        deploy_and_wait(charlie, connector_zip(words="from charlie")),
    )

    assert await say(alice) == words("from alice")
    assert await say(charlie) == words("from charlie")


async def test_an_id_is_found_only_under_its_own_connector(alice: Person):
    deployment = await deploy_and_wait(alice, connector_zip())

    assert (await alice.get(deployment_path("other", deployment["id"]))).status == 404
    assert (await alice.get(deployment_path("acme", deployment["id"], version="2.0"))).status == 404


async def test_latest_is_the_deployment_that_was_submitted_last(alice: Person):
    first = await deploy_and_wait(alice, connector_zip())
    second = await deploy_and_wait(alice, connector_zip(files={"acme/operations/bad.py": "1 +"}))

    latest = (await alice.get(deployment_path("acme", "latest"))).json

    assert latest["id"] == second["id"] != first["id"]
    assert latest["deploymentStatus"] == "Failed"


async def test_the_old_version_goes_on_answering_when_a_new_one_fails(alice: Person):
    await deploy_and_wait(alice, connector_zip(words="old"))

    await failure(alice, connector_zip(words="new", files={"acme/operations/bad.py": "import nothing_like_this"}))

    assert await say(alice) == words("old")


async def test_a_new_deployment_replaces_the_operations(alice: Person):
    await deploy_and_wait(alice, connector_zip(words="old"))
    await deploy_and_wait(alice, connector_zip(words="new"))

    assert await say(alice) == words("new")


async def test_versions_stand_beside_each_other(alice: Person):
    await deploy_and_wait(alice, connector_zip(words="one"))
    await deploy_and_wait(alice, connector_zip(words="two", version="2.0"), version="2.0")

    listed = (await alice.get("/core/v1/connectors")).json["elements"]

    assert [connector["version"] for connector in listed] == ["1.0", "2.0"]
    assert await say(alice) == words("one")


async def test_an_import_that_fails_is_shown_to_its_author_and_nothing_else_is(alice: Person, settings: Settings):
    step, message = await failure(
        alice, connector_zip(files={"acme/operations/bad.py": "x = 1\nimport nothing_like_this"})
    )

    assert step == "describe"
    assert message.splitlines() == [
        "Traceback (most recent call last):",
        '  File "acme/operations/bad.py", line 2, in <module>',
        "    import nothing_like_this",
        "ModuleNotFoundError: No module named 'nothing_like_this'",
    ]


@pytest.mark.parametrize(
    ("files", "step", "said"),
    [
        ({"acme/operations/bad.py": "def ("}, "describe", "SyntaxError"),
        ({"acme/operations/bad.py": "raise SystemExit(0)"}, "describe", "SystemExit"),
        ({"acme/operations/bad.py": "import os; os._exit(0)"}, "describe", "ended"),
        ({"acme/operations/say.py": ""}, "describe", "operations"),
        ({"acme/connector.py": "x = 1", "acme/operations/say.py": ""}, "describe", "must make one Connector"),
        ({"pyproject.toml": '[project]\ndependencies = ["evil @ https://evil.example/evil.whl"]'}, "check", "evil"),
        ({"pyproject.toml": "[project"}, "check", "pyproject.toml"),
        ({"pyproject.toml": '[project]\ndependencies = ["no-such-package"]'}, "install", "no-such-package"),
    ],
)
async def test_a_failed_deployment_says_which_step_and_why(alice: Person, files: dict[str, str], step: str, said: str):
    failed_step, message = await failure(alice, connector_zip(files=files))

    assert failed_step == step
    assert said in message
    assert "/data/" not in message
    assert "scratch" not in message


async def test_a_connector_without_its_package_is_told_what_is_missing(alice: Person):
    step, message = await failure(alice, forge([Part("acme/connector.json", connector_json())]))

    assert (step, message) == ("check", "acme/connector.py is missing: that is where the Connector lives.")


async def test_a_typescript_connector_is_taken_and_honestly_fails(alice: Person):
    files = {"package.json": "{}", "tsconfig.json": "{}", "src/get_product/operation.json": "{}"}
    parts = [Part(f"acme/{path}", text.encode()) for path, text in files.items()]

    step, message = await failure(alice, forge([Part("acme/connector.json", connector_json()), *parts]))

    assert step == "check"
    assert message.startswith("TypeScript connectors are not run by this hub yet")


async def test_a_connector_uses_its_dependencies_and_the_bundle_records_their_hashes(
    alice: Person, index: PackageIndex, hub: Hub
):
    index.add_wheel("phrases", "1.2", {"phrases.py": "greeting = 'from a wheel'"})
    files = {
        "pyproject.toml": '[project]\nname = "acme"\nversion = "1.0"\ndependencies = ["phrases>=1", "jackfield"]',
        "acme/operations/greet.py": "import phrases\nfrom acme.connector import acme\n\n@acme.operation\n"
        "def greet() -> dict:\n    'Greet.'\n    return {'words': phrases.greeting}\n",
    }

    deployment = await deploy_and_wait(alice, connector_zip(files=files))
    answer = await alice.post("/core/v1/connectors/acme/versions/1.0/call", {"operation": "greet", "input": {}})

    assert deployment["deploymentStatus"] == "Deployed"
    assert answer.json == words("from a wheel")
    [bundle] = hub.bundles.folder.iterdir()
    [wheel] = json.loads((bundle / "bundle.json").read_text())["dependencies"]
    assert (wheel["name"], wheel["version"]) == ("phrases", "1.2")
    assert wheel["hashes"][0].startswith("sha256:")


async def test_credentials_in_the_archive_are_kept_nowhere(alice: Person, hub: Hub):
    files = {"acme/test.ctx.json": '{"key": "canary-3b1f"}', ".npmrc": "//registry/:_authToken=canary-3b1f"}

    await deploy_and_wait(alice, connector_zip(files=files))

    kept = [path for path in hub.settings.data_dir.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"canary-3b1f" in path.read_bytes()]
    [source] = (hub.settings.data_dir / "sources").iterdir()
    assert "acme/connector.py" in zipfile.ZipFile(source).namelist()


async def test_an_accepted_deployment_is_on_disk_before_it_is_answered(alice: Person, hub: Hub):
    await hub.jobs.stop()

    answer = await deploy(alice, connector_zip())

    [row] = rows(hub, "SELECT id, state, source_digest FROM deployments")
    assert row[:2] == (answer.json["id"], "Deploying")
    assert (hub.settings.data_dir / "sources" / f"{row[2].removeprefix('sha256:')}.zip").is_file()
    assert rows(hub, "SELECT kind FROM jobs") == [("build",)]


async def test_fifty_equal_requests_at_once_are_one_deployment(alice: Person, hub: Hub):
    await hub.jobs.stop()  # so that it is still under way when the last of them arrives
    data = connector_zip()

    answers = [answer.json for answer in await asyncio.gather(*(deploy(alice, data) for _ in range(50)))]

    assert len({answer["id"] for answer in answers}) == 1
    assert sum(answer.get("repeatDeployment", False) for answer in answers) == 49
    assert all(answer["deploymentStatus"] == "Deploying" for answer in answers)
    hub.jobs.start()
    finished = await wait_until_finished(alice, "acme", answers[0]["id"])
    assert finished["deploymentStatus"] == "Deployed"
    assert rows(hub, "SELECT count(*), max(revision) FROM connectors") == [(1, 1)]


async def test_no_call_fails_while_new_versions_are_deployed(alice: Person):
    await deploy_and_wait(alice, connector_zip(words="version 0"))
    is_over = asyncio.Event()

    async def call_without_pause() -> list[Any]:
        answers: list[Any] = []
        while not is_over.is_set():
            answers.append(await say(alice))
        return answers

    callers = [asyncio.create_task(call_without_pause()) for _ in range(4)]
    for number in (1, 2, 3):
        await deploy_and_wait(alice, connector_zip(words=f"version {number}"))
    is_over.set()
    answers = [answer for caller in callers for answer in await caller]

    assert all(answer["outcome"] == "success" for answer in answers)
    assert {answer["output"]["words"] for answer in answers} >= {"version 0", "version 1", "version 2"}
    assert await say(alice) == words("version 3")


async def test_nothing_is_left_in_the_workshop_after_a_build(alice: Person, hub: Hub):
    await deploy_and_wait(alice, connector_zip())
    await failure(alice, connector_zip(files={"acme/operations/bad.py": "1 +"}))

    # A build says how it ended before it tidies up.
    await until(lambda: not any((hub.settings.data_dir / "scratch").iterdir()))


def rows(hub: Hub, query: str) -> list[tuple[Any, ...]]:
    """Look into the database as an operator would."""
    return stored_values(hub.settings, query)
