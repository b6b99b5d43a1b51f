"""Files on their way in calls, when something comes between: a connection that breaks, a refusal, a limit."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time

import pytest
from aiohttp import web

from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.depository import Depository, call, depository, error, gives, output, placed
from tests.hub.people import Person
from tests.hub.test_files import MEBIBYTE, kept, read, send

__all__ = ["depository", "placed"]  # fixtures
pytestmark = pytest.mark.usefixtures("placed")


async def test_an_upload_is_repeated_from_its_beginning(alice: Person, depository: Depository):
    reference = (await send(alice, b"x" * 100_000)).json
    depository.failures = 1

    seen = await output(alice, "upload", file=reference)

    assert seen["size"] == 100_000
    assert [one["size"] for one in depository.seen] == [100_000, 100_000]


async def test_a_download_that_breaks_off_is_repeated_from_its_beginning(alice: Person, depository: Depository):
    attempts = 0

    async def break_off(request: web.Request) -> web.StreamResponse:
        nonlocal attempts
        attempts += 1
        answer = web.StreamResponse(headers={"Content-Length": "1000000"})
        await answer.prepare(request)
        await answer.write(b"x" * 500_000)
        if attempts == 1:
            assert request.transport is not None
            request.transport.abort()
        else:
            await answer.write(b"y" * 500_000)
        return answer

    depository.answers["/a"] = break_off

    reference = (await output(alice, "download", path="/a"))["file"]

    assert (await read(alice, reference["url"])).body == b"x" * 500_000 + b"y" * 500_000


async def test_a_third_party_that_refuses_early_is_heard(alice: Person, depository: Depository):
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"problem": "too large for us"}, status=413, headers={"Connection": "close"})

    depository.answers["/store"] = refuse
    reference = (await send(alice, bytes(20 * MEBIBYTE))).json

    failure = await error(alice, "upload", file=reference)

    assert failure["response"] == {"statusCode": 413, "body": {"problem": "too large for us"}}


async def test_a_compressed_answer_is_kept_as_what_it_means(alice: Person, depository: Depository):
    content = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(256)) * 400

    async def compressed(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(content, 1), headers={"Content-Encoding": "gzip"})

    depository.answers["/a"] = compressed

    reference = (await output(alice, "download", path="/a"))["file"]

    assert (await read(alice, reference["url"])).body == content


async def test_a_compression_bomb_becomes_no_file(hub: Hub, alice: Person, depository: Depository):
    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(bytes(50 * MEBIBYTE)), headers={"Content-Encoding": "gzip"})

    depository.answers["/a"] = bomb

    failure = await error(alice, "download", path="/a")

    assert failure["kind"] == "NoAnswer"
    assert "grows more than" in failure["message"]
    assert kept(hub) == []


class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={"max_file_bytes": 3 * MEBIBYTE, "max_organization_file_bytes": 4 * MEBIBYTE, "call_seconds": 20}
        )

    async def test_an_endless_answer_is_stopped(self, hub: Hub, alice: Person, depository: Depository):
        given = 0

        async def endless(request: web.Request) -> web.StreamResponse:
            nonlocal given
            answer = web.StreamResponse()
            await answer.prepare(request)
            while given < 100 * MEBIBYTE:
                await answer.write(bytes(MEBIBYTE))
                given += MEBIBYTE
            return answer

        depository.answers["/a"] = endless

        failure = await error(alice, "download", path="/a")

        assert failure["kind"] == "TooLarge"
        assert "3,145,728 bytes" in failure["message"]
        assert given < 50 * MEBIBYTE
        assert kept(hub) == []

    async def test_an_answer_that_says_it_is_too_long_is_not_even_begun(
        self, hub: Hub, alice: Person, depository: Depository
    ):
        async def long(request: web.Request) -> web.StreamResponse:
            answer = web.StreamResponse(headers={"Content-Length": str(100 * MEBIBYTE)})
            await answer.prepare(request)
            await asyncio.sleep(15)
            return answer

        depository.answers["/a"] = long
        began = time.monotonic()

        assert (await error(alice, "download", path="/a"))["kind"] == "TooLarge"
        assert time.monotonic() - began < 10

    async def test_the_quota_holds_for_what_connectors_keep(self, alice: Person, depository: Depository):
        depository.answers["/a"] = gives(bytes(2 * MEBIBYTE))

        first = await call(alice, "download", path="/a")
        second = await call(alice, "download", path="/a")
        third = await error(alice, "download", path="/a")

        assert [answer.json["outcome"] for answer in (first, second)] == ["success", "success"]
        assert (third["kind"], "together" in third["message"]) == ("TooLarge", True)
