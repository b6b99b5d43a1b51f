"""Everything wrong that can be sent to be deployed is refused in a moment, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.bad_archives import bad_archives
from tests.hub.connectors import connector_zip, deploy, deploy_and_wait, deploy_body, deploy_path
from tests.hub.people import Person
from tests.hub.stored import stored_values

SECONDS = 3  # generous: a second is the promise, and the machine is busy

GOOD = base64.b64encode(connector_zip()).decode()

BAD_BODIES: list[tuple[bytes, str]] = [
    (b"", "invalid_input"),
    (b"null", "invalid_input"),
    (b"[]", "invalid_input"),
    (b"{}", "invalid_input"),
    (b'"text"', "invalid_input"),
    (b"12", "invalid_input"),
    (b"\xff\xfe{\x00}\x00", "invalid_input"),
    (b"\xef\xbb\xbf{}", "invalid_input"),
    (b"NaN", "invalid_input"),
    (b'{"connectorSourceCode": NaN}', "invalid_input"),
    (b'{"connectorSourceCode": Infinity}', "invalid_input"),
    (b"[" * 200_000, "invalid_input"),
    (b'{"a":' * 200_000, "invalid_input"),
    (b'{"connectorSourceCode": "\\ud800"}', "invalid_input"),
    (b"connectorSourceCode=UEsDBA%3D%3D", "invalid_input"),
    (b'--x\r\nContent-Disposition: form-data; name="connectorSourceCode"\r\n\r\nUEs=\r\n--x--', "invalid_input"),
    (gzip.compress(json.dumps({"connectorSourceCode": GOOD}).encode()), "invalid_input"),
    (connector_zip(), "invalid_input"),
    (GOOD.encode(), "invalid_input"),
    (b'{"connectorSourceCode": null}', "invalid_input"),
    (b'{"connectorSourceCode": 1}', "invalid_input"),
    (b'{"connectorSourceCode": ["UEs="]}', "invalid_input"),
    (b'{"connectorSourceCode": {"a": 1}}', "invalid_input"),
    (b'{"connectorsourcecode": "UEs="}', "invalid_input"),
    (b'{"connectorSourceCode": ""}', "not_a_zip"),
    (b'{"connectorSourceCode": "hello"}', "not_base64"),
    (b'{"connectorSourceCode": "UEs"}', "not_base64"),
    (b'{"connectorSourceCode": "UEs=="}', "not_base64"),
    (b'{"connectorSourceCode": "UE=s"}', "not_base64"),
    (b'{"connectorSourceCode": "=UEs"}', "not_base64"),
    (b'{"connectorSourceCode": "UEs*"}', "not_base64"),
    (b'{"connectorSourceCode": "UE\\u00e9s"}', "not_base64"),
    (b'{"connectorSourceCode": "UE\\u0000s"}', "not_base64"),
    (json.dumps({"connectorSourceCode": f"data:application/zip;base64,{GOOD}"}).encode(), "not_base64"),
    (json.dumps({"connectorSourceCode": f"{GOOD}={GOOD}"}).encode(), "not_base64"),
    (
        json.dumps({"connectorSourceCode": base64.urlsafe_b64encode(b"\xff\xfe\xfd" * 9).decode()}).encode(),
        "not_base64",
    ),
    (json.dumps({"connectorSourceCode": base64.b85encode(connector_zip()).decode()}).encode(), "not_base64"),
    (json.dumps({"connectorSourceCode": connector_zip().hex() + "0"}).encode(), "not_base64"),
    (json.dumps({"connectorSourceCode": base64.b64encode(GOOD.encode()).decode()}).encode(), "not_a_zip"),
    (
        json.dumps({"connectorSourceCode": base64.b64encode(gzip.compress(connector_zip())).decode()}).encode(),
        "not_a_zip",
    ),
]


@pytest.fixture
async def clean(hub: Hub, alice: Person) -> AsyncGenerator[None]:
    """Nothing is on disk afterwards that was not there before, and the hub still deploys."""
    folders = [hub.settings.data_dir / name for name in ("sources", "bundles", "scratch")]
    before = _files(folders)
    yield
    assert _files(folders) == before
    assert stored_values(hub.settings, "SELECT count(*) FROM deployments") == [(0,)]
    assert stored_values(hub.settings, "SELECT count(*) FROM jobs") == [(0,)]
    assert (await deploy_and_wait(alice, connector_zip()))["deploymentStatus"] == "Deployed"


def _files(folders: list[Path]) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*"))


async def refused(person: Person, body: bytes) -> tuple[int, Any]:
    """Send a body and return status and code of the refusal, which must come soon and say something."""
    began = time.monotonic()
    answer = await person.send("POST", deploy_path(), body)
    assert time.monotonic() - began < SECONDS
    assert len(answer.json["message"]) > 10
    return answer.status, answer.json["code"]


@pytest.mark.usefixtures("clean")
async def test_every_bad_archive_is_refused_at_the_front_door(alice: Person):
    for wrong, data, code in bad_archives():
        assert await refused(alice, json.dumps(deploy_body(data)).encode()) == (400, code), wrong


@pytest.mark.usefixtures("clean")
async def test_every_bad_body_is_refused_at_the_front_door(alice: Person):
    for body, code in BAD_BODIES:
        assert await refused(alice, body) == (400, code), body[:80]


@pytest.mark.usefixtures("clean")
async def test_an_address_that_names_another_connector_is_refused(alice: Person):
    names = [
        "other",
        "Acme",
        "acme%20",
        "%61cme-",
        "acme%00",
        "..%2e",
        "acme%0a",
        "a" * 2000,
        "%E2%80%AEacme",
        "acme.zip",
    ]
    versions = ["2.0", "1.00", "1", "1.0.0", "01.0", "latest", "1.0%20"]

    for name, version in [*((name, "1.0") for name in names), *(("acme", version) for version in versions)]:
        answer = await deploy(alice, connector_zip(), name, version)

        assert (answer.status, answer.json["code"]) == (400, "path_differs"), (name, version)
        assert "acme version 1.0" in answer.json["message"]


async def test_a_percent_encoded_name_is_the_name(alice: Person):
    answer = await deploy(alice, connector_zip(), "%61c%6De")

    assert (answer.status, answer.json["connectorName"]) == (200, "acme")


class TestAHubWithASmallLimit:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_upload_bytes": 100_000})

    @pytest.mark.usefixtures("clean")
    async def test_a_body_above_the_limit_is_refused_by_its_announced_length(self, alice: Person):
        assert await refused(alice, b"x" * 300_000) == (413, "too_large")

    @pytest.mark.usefixtures("clean")
    async def test_a_chunked_body_above_the_limit_is_refused_before_it_is_whole(self, alice: Person):
        sent = 0

        async def endless():
            nonlocal sent
            while True:
                sent += 65_536
                yield b"x" * 65_536
                await asyncio.sleep(0)

        try:
            answer = await asyncio.wait_for(alice.send("POST", deploy_path(), endless()), 30)
            assert (answer.status, answer.json["code"]) == (413, "too_large")
        except ConnectionError:
            pass  # the hub has answered and hung up while we were still talking
        assert sent < 50_000_000

    @pytest.mark.usefixtures("clean")
    async def test_an_archive_above_the_limit_in_a_body_below_it_is_refused(self, alice: Person):
        body = json.dumps(deploy_body(b"x" * 100_001)).encode()

        assert await refused(alice, body) == (413, "too_large")


@pytest.mark.usefixtures("clean")
async def test_without_a_token_a_large_body_is_not_even_read(alice: Person):
    answer = await alice.without_token().send("POST", deploy_path(), b"{}")

    assert (answer.status, answer.json) == (401, {"message": "The request is unauthorized"})
