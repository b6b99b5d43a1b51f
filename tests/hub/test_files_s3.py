"""Files in a store that speaks S3: moto's, on a socket of its own."""

from __future__ import annotations

import re
import subprocess
import time
import uuid
from collections.abc import Generator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import aiohttp
import pytest
from pydantic import SecretStr

from jackfield_hub.files import sweep
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.people import Person
from tests.hub.processes import free_port
from tests.hub.test_files import MEBIBYTE, read, send

MOTO = Path(__file__).parents[2] / ".venv-services/more/bin/moto_server"
START_SECONDS = 60


@pytest.fixture(scope="module")
def store() -> Generator[str]:
    """The address of a store."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [MOTO, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(url)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def bucket(store: str) -> str:
    """The address of a new bucket."""
    url = f"{store}/files-{uuid.uuid4()}"
    ask("PUT", url)
    return url


def ask(method: str, url: str) -> str:
    with urlopen(Request(url, method=method), timeout=10) as answer:
        return answer.read().decode()


def _wait_for(url: str) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        try:
            ask("GET", url)
            return
        except HTTPError:
            return
        except (URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("moto did not start")


@pytest.fixture
def settings(settings: Settings, store: str, bucket: str) -> Settings:
    return settings.model_copy(
        update={
            "file_store": f"s3://{bucket.rpartition('/')[2]}/kept",
            "file_store_endpoint": store,
            "file_store_region": "us-east-1",
            "file_store_key_id": "key-of-the-hub",
            "file_store_key": SecretStr("secret-of-the-hub"),
            "max_file_bytes": 50 * MEBIBYTE,
        }
    )


def objects(bucket: str) -> list[str]:
    return re.findall("<Key>(.*?)</Key>", ask("GET", f"{bucket}?list-type=2"))


def unfinished(bucket: str) -> list[str]:
    """Return the uploads in parts that were begun and neither finished nor given up."""
    return re.findall("<UploadId>", ask("GET", f"{bucket}?uploads"))


async def test_a_file_goes_to_the_store_and_comes_back(hub: Hub, alice: Person, bucket: str):
    reference = (await send(alice, b"0123456789")).json

    whole, part = await read(alice, reference["url"]), await read(alice, reference["url"], Range="bytes=2-4")

    assert (whole.status, whole.body, part.status, part.body) == (200, b"0123456789", 206, b"234")
    assert objects(bucket) == [f"kept/{alice.organization_id}/{urlsplit(reference['url']).path.rpartition('/')[2]}"]
    assert not (hub.settings.data_dir / "files").exists()


async def test_a_large_file_travels_in_parts(alice: Person, bucket: str):
    content = bytes(range(256)) * 4 * 1024 * 20  # 20 MiB

    reference = (await send(alice, content)).json

    assert (await read(alice, reference["url"])).body == content
    assert unfinished(bucket) == []


async def test_a_large_file_that_is_too_long_leaves_no_parts(alice: Person, bucket: str):
    async def pieces():
        for _ in range(60):
            yield bytes(MEBIBYTE)

    answer = await send(alice, pieces())

    assert (answer.status, objects(bucket), unfinished(bucket)) == (413, [], [])


async def test_an_expired_file_is_swept_from_the_store(hub: Hub, alice: Person, bucket: str):
    reference = (await send(alice, b"mine")).json
    hub.clock = lambda: reference["expires"] + 1

    count = await sweep.sweep(hub)

    assert (count, objects(bucket)) == (1, [])


async def test_a_deleted_file_leaves_the_store(alice: Person, bucket: str):
    reference = (await send(alice, b"mine")).json

    answer = await alice.delete(urlsplit(reference["url"]).path)

    assert (answer.status, objects(bucket)) == (204, [])


class TestSending:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"file_store_sends": True})

    async def test_a_reader_can_be_sent_to_the_store(self, alice: Person, door: aiohttp.ClientSession, bucket: str):
        reference = (await send(alice, b"<b>mine</b>", "a.html", **{"Content-Type": "text/html"})).json

        async with door.get(reference["url"], allow_redirects=False) as sent:
            away = sent.headers["Location"]
        async with door.get(away) as answer:
            content, disposition = await answer.read(), answer.headers["Content-Disposition"]

        assert (sent.status, content) == (307, b"<b>mine</b>")
        assert away.startswith(f"{bucket}/kept/{alice.organization_id}/")
        assert 6 * 3600 - 60 < int(re.findall("X-Amz-Expires=([0-9]+)", away)[0]) <= 6 * 3600
        assert "X-Amz-Signature=" in away
        assert disposition.startswith("attachment")


class TestAway:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"file_store_endpoint": f"http://127.0.0.1:{free_port()}"})

    async def test_a_store_that_is_away_is_said(self, alice: Person):
        answer = await send(alice, b"mine")

        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert "key-of-the-hub" not in answer.body.decode()
