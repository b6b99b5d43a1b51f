"""Files by reference in calls: sent to a third party, fetched from it, read by a connector; and nobody else's."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import time
import zipfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import BodyPartReader, web

from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub import graphql
from tests.hub.people import Answer, Person
from tests.hub.shop import KEY, answering, put_in_place
from tests.hub.test_files import MEBIBYTE, kept, read, send

CALL = "/core/v1/connectors/shop/versions/1.0/call"

OPERATIONS = '''
"""What one does with files."""

import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from typing import TypedDict

from jackfield import AsyncHttp, File, Http, Upload

from {package}.connector import shop


@dataclass
class Sent:
    file: File


@dataclass
class Several:
    files: list[File]


@dataclass
class Wanted:
    path: str


class Kept(TypedDict):
    file: File


@shop.operation
def upload(sent: Sent, http: Http) -> dict:
    """Send a file as it is."""
    return http.put("/store", file=sent.file).json()


@shop.operation
def upload_form(several: Several, http: Http) -> dict:
    """Send files as parts of a form."""
    parts = {{"title": "Two", "files": several.files, "more": Upload("a.txt", b"abc")}}
    return http.post("/form", multipart=parts).json()


@shop.operation
def download(wanted: Wanted, http: Http) -> Kept:
    """Keep an answer as a file."""
    return {{"file": http.get(wanted.path, to_file="../got it.bin").file}}


@shop.operation
async def download_async(wanted: Wanted, http: AsyncHttp) -> Kept:
    """Keep an answer as a file, and look into it."""
    file = (await http.get(wanted.path, to_file="got.bin")).file
    length = 0
    async for piece in http.pieces(file):
        length += len(piece)
    return {{"file": file, "length": length}}


@shop.operation
def pass_on(wanted: Wanted, http: Http) -> dict:
    """Fetch a file and send it on."""
    return http.put("/store", file=http.get(wanted.path, to_file="x").file).json()


@shop.operation
def add_up(sent: Sent, http: Http) -> dict:
    """Read a table."""
    with http.open(sent.file) as stream:
        rows = list(csv.reader(io.TextIOWrapper(stream)))
    return {{"total": sum(int(row[1]) for row in rows)}}


@shop.operation
def hash_it(sent: Sent, http: Http) -> dict:
    """Read all of a large file."""
    digest = hashlib.sha256()
    with http.open(sent.file) as stream:
        while piece := stream.read(1024 * 1024):
            digest.update(piece)
    return {{"sha256": digest.hexdigest()}}


@shop.operation
def list_zip(sent: Sent, http: Http) -> dict:
    """Look into an archive."""
    with http.open(sent.file) as stream, zipfile.ZipFile(stream) as archive:
        return {{"names": archive.namelist()}}


@shop.operation
def get_whole(sent: Sent, http: Http) -> dict:
    """Get a file at once."""
    return {{"length": len(http.get(sent.file.url).content)}}


@shop.operation
def export(http: Http) -> Kept:
    """Make a file."""
    return {{"file": http.make_file("export.csv", b"a,1", "text/csv")}}


@dataclass
class Stolen:
    url: str


@shop.operation
def steal(stolen: Stolen, http: Http) -> dict:
    """Use a file nobody has given."""
    return http.put("/store", file=File("x", stolen.url, "", 0)).json()


@shop.operation
def peek(stolen: Stolen, http: Http) -> dict:
    """Read a file nobody has given."""
    return {{"length": len(http.get(stolen.url).content)}}
'''


Give = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Depository:
    """A third party that takes files and gives them."""

    url: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answers: dict[str, Give] = field(default_factory=dict[str, Give])
    failures: int = 0  # how many uploads are refused before one is taken

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.answers:
            return await self.answers[request.path](request)
        digest, size = hashlib.sha256(), 0
        if request.path == "/form":
            return await self._form(request)
        async for piece in request.content.iter_any():
            digest.update(piece)
            size += len(piece)
        seen = {
            "size": size,
            "sha256": digest.hexdigest(),
            "type": request.headers.get("Content-Type"),
            "length": request.headers.get("Content-Length"),
            "signed": request.headers.get("X-Key") == KEY,
        }
        self.seen.append(seen)
        if self.failures:
            self.failures -= 1
            return web.Response(status=503, headers={"Retry-After": "0"})
        return web.json_response(seen)

    async def _form(self, request: web.Request) -> web.Response:
        parts: list[Any] = []
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            content = await part.read()
            parts.append([part.name, part.filename, part.headers.get("Content-Type"), len(content)])
        return web.json_response({"parts": parts})


@pytest.fixture
async def depository() -> AsyncGenerator[Depository]:
    depository = Depository()
    async with answering(depository.answer) as depository.url:
        yield depository


@pytest.fixture
async def placed(hub: Hub, alice: Person, depository: Depository) -> None:
    await put_in_place(hub, alice.organization_id, depository.url, code=OPERATIONS)


async def call(person: Person, operation: str, **given: Any) -> Answer:
    return await person.post(CALL, {"operation": operation, "input": given})


async def output(person: Person, operation: str, **given: Any) -> Any:
    answer = await call(person, operation, **given)
    assert answer.json.get("outcome") == "success", answer.body
    return answer.json["output"]


async def error(person: Person, operation: str, **given: Any) -> Any:
    answer = await call(person, operation, **given)
    assert answer.json.get("outcome") == "error", answer.body
    return answer.json["output"]


def gives(content: bytes, kind: str = "application/pdf") -> Give:
    async def give(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind)

    return give


pytestmark = pytest.mark.usefixtures("placed")


async def test_a_file_is_sent_to_a_third_party(alice: Person, depository: Depository):
    reference = (await send(alice, b"x" * 100_000)).json

    seen = await output(alice, "upload", file=reference)

    assert seen["sha256"] == hashlib.sha256(b"x" * 100_000).hexdigest()
    assert (seen["type"], seen["length"]) == ("application/pdf", "100000")


async def test_files_are_parts_of_a_form(alice: Person):
    first, second = (await send(alice, b"one", "1.pdf")).json, (await send(alice, b"three", "3.pdf")).json

    seen = await output(alice, "upload_form", files=[first, second])

    assert seen["parts"] == [
        ["title", None, None, 3],
        ["files", "1.pdf", "application/pdf", 3],
        ["files", "3.pdf", "application/pdf", 5],
        ["more", "a.txt", "application/octet-stream", 3],
    ]


async def test_a_raw_request_sends_a_file(hub: Hub, alice: Person, depository: Depository):
    await put_in_place(hub, alice.organization_id, depository.url, name="raw-shop", raw_http=True)
    reference = (await send(alice, b"x" * 1000)).json
    asked = {"method": "PUT", "url": {"endpoint": "/store"}, "body": {"binary": reference}}

    answer = await alice.post(
        "/core/v1/connectors/raw-shop/versions/1.0/call", {"operation": "raw_http_request", "input": asked}
    )

    assert (answer.json["output"]["body"]["size"], depository.seen[0]["type"]) == (1000, "application/pdf")


async def test_an_answer_becomes_a_file(alice: Person, depository: Depository):
    depository.answers["/a"] = gives(b"%PDF" * 100_000)

    reference = (await output(alice, "download", path="/a"))["file"]

    assert (reference["name"], reference["mime_type"]) == ("got it.bin", "application/pdf")
    assert (await read(alice, reference["url"])).body == b"%PDF" * 100_000


async def test_an_async_operation_keeps_and_reads_files(alice: Person, depository: Depository):
    depository.answers["/a"] = gives(b"%PDF" * 3 * MEBIBYTE)

    kept_file = await output(alice, "download_async", path="/a")

    assert kept_file["length"] == 12 * MEBIBYTE
    assert len((await read(alice, kept_file["file"]["url"])).body) == 12 * MEBIBYTE


async def test_a_file_that_was_fetched_can_be_sent_on(alice: Person, depository: Depository):
    depository.answers["/a"] = gives(b"%PDF")

    assert (await output(alice, "pass_on", path="/a"))["size"] == 4


async def test_a_refusal_is_no_file(hub: Hub, alice: Person, depository: Depository):
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"problem": "no such report"}, status=404)

    depository.answers["/a"] = refuse

    failure = await error(alice, "download", path="/a")

    assert (failure["kind"], failure["response"]["body"]) == ("NotFound", {"problem": "no such report"})
    assert kept(hub) == []


async def test_a_connector_reads_a_file_as_a_stream(alice: Person):
    table = (await send(alice, "".join(f"row {number},{number}\n" for number in range(1000)).encode())).json

    assert (await output(alice, "add_up", file=table))["total"] == 499_500


async def test_a_connector_reads_a_large_file_in_pieces(alice: Person):
    content = bytes(range(256)) * 4 * 1024 * 30
    reference = (await send(alice, content)).json

    assert (await output(alice, "hash_it", file=reference))["sha256"] == hashlib.sha256(content).hexdigest()
    assert (await error(alice, "get_whole", file=reference))["kind"] == "TooLarge"


async def test_a_connector_reads_an_empty_file(alice: Person):
    reference = (await send(alice, b"")).json

    assert (await output(alice, "hash_it", file=reference))["sha256"] == hashlib.sha256().hexdigest()
    assert (await output(alice, "upload", file=reference))["length"] == "0"


async def test_a_connector_jumps_about_in_a_file(alice: Person):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "a")
        archive.writestr("b.txt", "b")

    reference = (await send(alice, packed.getvalue(), "a.zip")).json

    assert (await output(alice, "list_zip", file=reference))["names"] == ["a.txt", "b.txt"]


async def test_a_connector_makes_a_file_of_its_own(alice: Person):
    reference = (await output(alice, "export"))["file"]

    answer = await read(alice, reference["url"])
    assert (reference["name"], answer.body, answer.headers["Content-Type"]) == ("export.csv", b"a,1", "text/csv")


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


# Whose files


async def test_a_file_of_another_organization_is_refused(alice: Person, charlie: Person, depository: Depository):
    theirs = (await send(charlie, b"theirs")).json
    mine = (await send(alice, b"mine")).json
    unknown = {**mine, "url": mine["url"].replace("/v1/files/", "/v1/files/0")}
    forged = {**mine, "url": mine["url"][:-1] + ("0" if mine["url"][-1] != "0" else "1")}

    answers = [await call(alice, "upload", file=file) for file in (theirs, forged)]

    assert [answer.status for answer in answers] == [400, 400]
    assert len({answer.body for answer in answers}) == 1
    assert "#/file: the file is not there, or not for you" in answers[0].json["message"]
    assert (await call(alice, "upload", file=unknown)).json["outcome"] == "error"
    assert depository.seen == []


async def test_graphql_has_the_same_rules(alice: Person, charlie: Person, depository: Depository):
    document = """mutation($given: String) {
      callConnector(input: {connector: "shop", version: "1.0", operation: "upload", input: $given}) { outcome }
    }"""
    mine, theirs = (await send(alice, b"mine")).json, (await send(charlie, b"theirs")).json

    done = await graphql.ask(alice, document, given=json.dumps({"file": mine}))
    refused = await graphql.code(alice, document, given=json.dumps({"file": theirs}))

    assert (done["callConnector"]["outcome"], refused) == ("success", "invalid_input")
    assert [one["size"] for one in depository.seen] == [4]


async def test_an_expired_reference_is_refused(hub: Hub, alice: Person):
    mine = (await send(alice, b"mine")).json
    hub.clock = lambda: mine["expires"] + 1

    assert (await call(alice, "upload", file=mine)).status == 400


@pytest.mark.parametrize("url", ["file:///etc/passwd", "data:text/plain,x", "/v1/files/x", "http://a b/", "ftp://x/y"])
async def test_a_reference_that_is_no_web_address_is_refused(alice: Person, url: str):
    reference = {"name": "x", "url": url, "mime_type": "text/plain", "expires": 0}

    answer = await call(alice, "upload", file=reference)

    assert (answer.status, "#/file" in answer.json["message"]) == (400, True)


async def test_a_connector_uses_no_file_it_was_not_given(alice: Person, charlie: Person, depository: Depository):
    theirs, mine = (await send(charlie, b"theirs")).json, (await send(alice, b"mine")).json

    kinds = [
        (await error(alice, operation, url=file["url"]))["kind"]
        for operation in ("steal", "peek")
        for file in (theirs, mine)
    ]

    assert kinds == ["NotAllowed"] * 4
    assert depository.seen == []


async def test_a_file_that_is_kept_elsewhere_is_fetched_without_credentials(
    hub: Hub, alice: Person, depository: Depository
):
    asked: list[dict[str, str]] = []

    async def give(request: web.Request) -> web.Response:
        asked.append(dict(request.headers))
        return web.Response(body=b"from elsewhere", content_type="text/plain")

    depository.answers["/elsewhere.txt"] = give
    foreign = {"name": "a.txt", "url": f"{depository.url}/elsewhere.txt", "mime_type": "text/plain", "expires": 0}

    seen = await output(alice, "upload", file=foreign)

    assert (seen["size"], seen["type"]) == (14, "text/plain")
    assert len(asked) == 1
    assert "Authorization" not in asked[0]


async def test_a_file_elsewhere_that_is_not_there_is_said(alice: Person, depository: Depository):
    async def nothing(_: web.Request) -> web.Response:
        return web.Response(status=404)

    depository.answers["/elsewhere.txt"] = nothing
    foreign = {"name": "a.txt", "url": f"{depository.url}/elsewhere.txt", "mime_type": "text/plain", "expires": 0}

    failure = await error(alice, "upload", file=foreign)

    assert (failure["kind"], depository.seen) == ("NoAnswer", [])
    assert "answered 404" in failure["message"]


class TestNoPrivateNetworks:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"allowed_networks": ()})

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://169.254.169.254/latest/meta-data/"])
    async def test_a_file_elsewhere_is_no_way_into_the_hubs_network(self, alice: Person, url: str):
        foreign = {"name": "a.txt", "url": url, "mime_type": "text/plain", "expires": 0}

        assert (await error(alice, "upload", file=foreign))["kind"] == "NotAllowed"
