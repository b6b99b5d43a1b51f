"""Files that are larger than what a hub may take of memory: the whole way, in a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from tests.hub.connectors import connector_zip, deploy_body, deploy_path, deployment_path
from tests.hub.processes import HubProcess, running
from tests.hub.shop import answering

MEBIBYTE = 1024 * 1024
SIZE = 200 * MEBIBYTE
MAX_GROWTH = 64 * MEBIBYTE
PIECE = bytes(range(256)) * 4096  # one mebibyte

CONNECTOR = """
from jackfield import Connector

acme = Connector({url!r})
"""
OPERATIONS = '''
from dataclasses import dataclass
from typing import TypedDict

from jackfield import File, Http
from acme.connector import acme


@dataclass
class Nothing:
    pass


@dataclass
class Sent:
    file: File


class Kept(TypedDict):
    file: File


@acme.operation
def download(nothing: Nothing, http: Http) -> Kept:
    """Keep a large answer."""
    return {"file": http.get("/large", to_file="large.bin").file}


@acme.operation
def upload(sent: Sent, http: Http) -> dict:
    """Send a large file."""
    return http.put("/large", file=sent.file).json()
'''


async def pieces() -> AsyncGenerator[bytes]:
    for _ in range(SIZE // len(PIECE)):
        yield PIECE


async def depository(request: web.Request) -> web.StreamResponse:
    """A third party that gives a large file, and takes one."""
    if request.method == "GET":
        answer = web.StreamResponse()
        await answer.prepare(request)
        async for piece in pieces():
            await answer.write(piece)
        return answer
    digest = hashlib.sha256()
    async for piece in request.content.iter_any():
        digest.update(piece)
    return web.json_response({"sha256": digest.hexdigest()})


def most_memory(process_id: int) -> int:
    """Return how many bytes the process has had in memory at most, since `forget_most_memory`."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def forget_most_memory(process_id: int) -> None:
    Path(f"/proc/{process_id}/clear_refs").write_text("5")


@pytest.fixture(scope="module")
def expected() -> str:
    digest = hashlib.sha256()
    for _ in range(SIZE // len(PIECE)):
        digest.update(PIECE)
    return digest.hexdigest()


async def deploy(hub: HubProcess, url: str) -> None:
    files = {"acme/connector.py": CONNECTOR.format(url=url), "acme/operations/say.py": OPERATIONS}
    status, deployment = await asyncio.to_thread(
        hub.ask, "POST", deploy_path(), deploy_body(connector_zip(files=files))
    )
    assert status == 200
    for _ in range(3000):
        _, now = await asyncio.to_thread(hub.ask, "GET", deployment_path("acme", deployment["id"]))
        if now["deploymentStatus"] != "Deploying":
            assert now["deploymentStatus"] == "Deployed", now
            return
        await asyncio.sleep(0.02)


async def digest_of(session: aiohttp.ClientSession, url: str) -> str:
    digest = hashlib.sha256()
    async with session.get(urlsplit(url)._replace(scheme="", netloc="").geturl()) as answer:
        async for piece in answer.content.iter_any():
            digest.update(piece)
    return digest.hexdigest()


async def test_200_megabytes_come_and_go_in_little_memory(tmp_path: Path, expected: str):
    with running(tmp_path / "data", allowed_networks="127.0.0.0/8", call_seconds="300") as hub:
        async with (
            answering(depository) as url,
            aiohttp.ClientSession(hub.url, headers={"Authorization": f"Bearer {hub.tokens['masterToken']}"}) as session,
        ):
            await deploy(hub, url)
            async with session.post("/v1/files?name=warm", data=bytes(MEBIBYTE)) as answer:
                assert answer.status == 200
            forget_most_memory(hub.process.pid)  # hashing the first password took a lot
            before = most_memory(hub.process.pid)

            async with session.post("/v1/files?name=large.bin", data=pieces()) as answer:
                sent = await answer.json()
            seen = await digest_of(session, sent["url"])
            fetched = await call(session, "download")
            seen_too = await digest_of(session, fetched["file"]["url"])
            passed_on = await call(session, "upload", file=sent)

            growth = most_memory(hub.process.pid) - before

    assert seen == seen_too == passed_on["sha256"] == expected
    assert growth < MAX_GROWTH, f"{growth / MEBIBYTE:.0f} MiB"


async def call(session: aiohttp.ClientSession, operation: str, **given: object) -> dict[str, dict[str, str]]:
    asked = {"operation": operation, "input": given}
    async with session.post("/core/v1/connectors/acme/versions/1.0/call", json=asked) as answer:
        outcome = await answer.json()
    assert outcome.get("outcome") == "success", outcome
    return outcome["output"]
