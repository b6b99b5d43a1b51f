"""Checks 1 to 8 and 10 to 12 of the public contract: deploy a connector, ask how its deployment goes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.hub.connectors import (
    connector_zip,
    deploy,
    deploy_and_wait,
    deploy_body,
    deploy_path,
    wait_until_finished,
)
from tests.hub.people import Person
from tests.hub.zip_forge import Part, connector_json, forge, good_parts

PUBLIC = "/cdk/v1/deployments/connectors/acme/versions/1.0"
OLDER = "/cdk/v1/deployments/acme/versions/1.0"
INTERNAL = "/internal/v1/connectors/acme/versions/1.0/deployments"
FORMS = [PUBLIC, OLDER, INTERNAL]
FOUR_KEYS = {"id", "deploymentStatus", "connectorName", "connectorVersion"}
POLL = Path(__file__).parent / "poll.sh"


def assert_fresh(answer: Any) -> None:
    """Exactly four keys: a client compares them deeply."""
    assert answer.status == 200
    assert answer.json.keys() == FOUR_KEYS
    assert answer.json["deploymentStatus"] == "Deploying"
    assert (answer.json["connectorName"], answer.json["connectorVersion"]) == ("acme", "1.0")
    assert isinstance(answer.json["id"], str)


async def test_check_01_a_fresh_deployment_is_answered_with_exactly_four_keys(alice: Person):
    began = time.monotonic()

    answer = await alice.program.post(deploy_path(), deploy_body(connector_zip()))

    assert_fresh(answer)
    assert answer.headers["content-type"] == "application/json"
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("form", [OLDER, INTERNAL])
async def test_check_02_the_other_forms_of_the_address_do_the_same(alice: Person, form: str):
    answer = await alice.program.post(f"{form}/deploy-connector-from-source", deploy_body(connector_zip()))

    assert_fresh(answer)
    deployment = await wait_until_finished(alice, "acme", answer.json["id"])
    assert deployment["deploymentStatus"] == "Deployed"


@pytest.mark.parametrize("form", FORMS)
async def test_check_03_json_that_is_called_a_form_and_sent_in_chunks_is_taken(alice: Person, form: str):
    body = json.dumps(deploy_body(connector_zip())).encode()

    async def chunks() -> AsyncGenerator[bytes]:
        for at in range(0, len(body), 100):
            yield body[at : at + 100]

    answer = await alice.program.send(
        "POST",
        f"{form}/deploy-connector-from-source",
        chunks(),
        headers={"content-type": "application/x-www-form-urlencoded", "Accept-Encoding": "gzip, compress, deflate, br"},
    )

    assert_fresh(answer)


@pytest.mark.parametrize("label", ["application/json", "text/plain", "multipart/form-data", "", "nonsense"])
async def test_check_03_the_body_is_read_by_its_content(alice: Person, label: str):
    body = json.dumps(deploy_body(connector_zip())).encode()

    assert_fresh(await alice.send("POST", deploy_path(), body, headers={"Content-Type": label}))


async def test_check_04_a_second_request_is_about_the_deployment_that_is_running(alice: Person):
    slow = connector_zip(files={"acme/operations/slow.py": "import time\ntime.sleep(1)\n"})

    first = await deploy(alice, slow)
    second = await deploy(alice, connector_zip(words="another source"))

    assert second.status == 200
    assert second.json == {**first.json, "repeatDeployment": True}
    finished = await wait_until_finished(alice, "acme", first.json["id"])
    assert finished.keys() == FOUR_KEYS
    assert_fresh(await deploy(alice, slow))


async def test_check_05_every_form_tells_the_same_by_id_and_as_latest(alice: Person):
    deployment = await deploy_and_wait(alice.program, connector_zip())

    answers = [await alice.program.get(f"{form}/{name}") for form in FORMS for name in (deployment["id"], "latest")]

    assert {answer.status for answer in answers} == {200}
    assert [answer.json for answer in answers] == [deployment] * 6
    assert deployment.keys() == FOUR_KEYS
    assert deployment["deploymentStatus"] == "Deployed"


@pytest.mark.parametrize(("files", "end"), [({}, "Deployed"), ({"acme/operations/bad.py": "1 +"}, "Failed")])
async def test_check_05_the_status_goes_from_deploying_to_its_end_and_knows_no_other_word(
    alice: Person, files: dict[str, str], end: str
):
    slow = {"acme/operations/a_slow_one.py": "import time\ntime.sleep(0.3)\n"}
    deployment = (await deploy(alice, connector_zip(files=slow | files))).json
    seen = [deployment["deploymentStatus"]]

    while seen[-1] == "Deploying":
        seen.append((await alice.get(f"{INTERNAL}/{deployment['id']}")).json["deploymentStatus"])

    assert seen == ["Deploying"] * (len(seen) - 1) + [end]
    assert (await alice.get(f"{PUBLIC}/latest")).json["deploymentStatus"] == end


async def test_check_05_only_a_failed_deployment_has_errors(alice: Person):
    failed = await deploy_and_wait(alice, connector_zip(files={"acme/operations/bad.py": "1 +"}))

    assert failed.keys() == FOUR_KEYS | {"errors"}
    assert [error.keys() for error in failed["errors"]] == [{"step", "message"}]


async def test_check_06_two_stray_bytes_after_a_get_do_no_harm(alice: Person):
    deployment = await deploy_and_wait(alice, connector_zip())
    path = f"{INTERNAL}/{deployment['id']}"

    status, body = await raw(alice, f"GET {path} HTTP/1.1", after=b"{}")

    assert (status, json.loads(body)) == (200, deployment)
    assert (await alice.get(path)).status == 200


async def test_check_07_a_name_or_version_other_than_the_archives_is_refused(alice: Person):
    for name, version in (("other", "1.0"), ("acme", "2.0")):
        for path in (deploy_path(name, version), deploy_path(name, version).replace("connectors/", "")):
            answer = await alice.post(path, deploy_body(connector_zip()))

            assert answer.status == 400
            assert isinstance(answer.json["message"], str)


@pytest.mark.parametrize(
    ("wrong", "body"),
    [
        ("broken base64", {"connectorSourceCode": "UEsDB!!!"}),
        ("not a zip", deploy_body(b"hello")),
        ("a name that leads out", deploy_body(forge(good_parts(Part("../evil.py", b"x"))))),
        ("no connector.json", deploy_body(forge([Part("acme/connector.py", b"x")]))),
        ("nothing", {}),
    ],
)
async def test_check_07_a_bad_archive_is_refused_on_every_form(alice: Person, wrong: str, body: dict[str, str]):
    for form in FORMS:
        answer = await alice.post(f"{form}/deploy-connector-from-source", body)

        assert answer.status == 400, wrong
        assert isinstance(answer.json["message"], str)
        assert (await alice.get(f"{form}/latest")).status == 404


async def test_check_08_an_unknown_deployment_is_not_found(alice: Person):
    for form in FORMS:
        for name in ("3c5e0000-0000-0000-0000-000000002387", "latest", "no-uuid"):
            answer = await alice.get(f"{form}/{name}")

            assert answer.status == 404
            assert isinstance(answer.json["message"], str)


async def test_check_08_without_a_token_the_answer_is_the_documented_one(alice: Person):
    deployment = await deploy_and_wait(alice, connector_zip())
    nobody = alice.without_token()

    for form in FORMS:
        for answer in (
            await nobody.get(f"{form}/{deployment['id']}"),
            await nobody.get(f"{form}/latest"),
            await nobody.post(f"{form}/deploy-connector-from-source", deploy_body(connector_zip())),
        ):
            assert (answer.status, answer.json) == (401, {"message": "The request is unauthorized"})


async def test_check_08_another_organizations_deployment_is_not_found(alice: Person, charlie: Person):
    deployment = await deploy_and_wait(alice, connector_zip())

    for form in FORMS:
        for name in (deployment["id"], "latest"):
            assert (await charlie.get(f"{form}/{name}")).status == 404


@pytest.mark.skipif(shutil.which("curl") is None, reason="the script asks with curl")
@pytest.mark.parametrize(
    ("files", "exit_code"), [({}, 0), ({"acme/operations/bad.py": "1 +"}, 1)], ids=["good", "broken"]
)
async def test_check_10_a_polling_script_ends_as_the_deployment_does(
    alice: Person, files: dict[str, str], exit_code: int
):
    slow = {"acme/operations/a_slow_one.py": "import time\ntime.sleep(0.3)\n"}
    await deploy(alice, connector_zip(files=slow | files))

    assert await poll(alice, "acme") == exit_code


@pytest.mark.skipif(shutil.which("curl") is None, reason="the script asks with curl")
async def test_check_10_a_polling_script_fails_when_there_is_nothing_to_wait_for(alice: Person):
    assert await poll(alice, "acme") == 1
    assert await poll(alice.without_token(), "acme", token="wrong") == 1


@pytest.mark.parametrize("host", ["api.example.com", "127.0.0.1:1"])
async def test_check_11_an_absolute_target_is_served_like_a_path(alice: Person, host: str):
    body = json.dumps(deploy_body(connector_zip())).encode()

    status, answered = await raw(alice, f"POST http://{host}{deploy_path()} HTTP/1.1", body, host=host)
    asked, deployment = await raw(alice, f"GET https://{host}{PUBLIC}/latest HTTP/1.1", host=host)

    assert (status, asked) == (200, 200)
    assert json.loads(answered)["id"] == json.loads(deployment)["id"]


async def test_check_12_a_private_operation_folder_and_one_without_input_are_accepted(alice: Person):
    operation = b'{"name": "#token_request", "type": "private"}'
    parts = [Part("acme/package.json", b"{}"), Part("acme/src/#token_request/operation.json", operation)]

    assert_fresh(await deploy(alice, forge(good_parts(*parts))))


async def test_check_12_ten_megabytes_are_accepted(alice: Person):
    ballast = os.urandom(10 * 1024**2)
    data = forge([Part("acme/connector.json", connector_json()), Part("acme/ballast.bin", ballast, method=0)])

    assert_fresh(await deploy(alice, data))


async def raw(
    person: Person, request_line: str, body: bytes = b"", *, after: bytes = b"", host: str = "hub"
) -> tuple[int, bytes]:
    """Send a request byte by byte as we mean it; return status and body of the answer."""
    address = urlsplit(str(person.session._base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"{request_line}\r\nHost: {host}\r\nauthorization: Bearer {person.token}\r\nUser-Agent: axios/1.6.0\r\n"
    length = f"Content-Length: {len(body)}\r\nContent-Type: application/x-www-form-urlencoded\r\n" if body else ""
    writer.write(f"{head}{length}\r\n".encode() + body + after)
    answered = await reader.readuntil(b"\r\n\r\n")
    [size] = [line for line in answered.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    content = await reader.readexactly(int(size.split(b":")[1]))
    writer.close()
    return int(answered.split()[1]), content


async def poll(person: Person, name: str, token: str = "") -> int:
    """Run the polling script and return its exit code."""
    environment = {
        "PATH": os.environ["PATH"],
        "HUB": str(person.session._base_url).rstrip("/"),
        "TOKEN": token or person.token,
        "NAME": name,
        "VERSION": "1.0",
        "POLL_SECONDS": "0.1",
    }
    script = await asyncio.create_subprocess_exec(POLL, env=environment)
    return await script.wait()
