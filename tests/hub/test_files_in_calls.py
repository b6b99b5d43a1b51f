"""Files by reference in calls: sent to a third party, fetched from it, read by a connector."""

from __future__ import annotations

import hashlib
import io
import zipfile

import orjson
import pytest
from aiohttp import web

from jackfield_hub.hub import Hub
from tests.hub.depository import Depository, depository, error, gives, output, placed
from tests.hub.people import Person
from tests.hub.shop import put_in_place
from tests.hub.test_files import MEBIBYTE, kept, read, send

__all__ = ["depository", "placed"]  # fixtures
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


async def test_a_reference_is_found_however_its_json_is_spelled(hub: Hub, alice: Person, depository: Depository):
    await put_in_place(hub, alice.organization_id, depository.url, name="raw-shop", raw_http=True)
    reference = (await send(alice, b"x" * 10)).json
    asked = {"method": "PUT", "url": {"endpoint": "/store"}, "body": {"binary": reference}}
    body = orjson.dumps({"operation": "raw_http_request", "input": asked}).replace(b"mime_type", rb"\u006dime_type")

    answer = await alice.send("POST", "/core/v1/connectors/raw-shop/versions/1.0/call", body)

    assert answer.json["output"]["body"]["size"] == 10


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
