"""A third party that takes files and gives them, and a connector that does all one can do with a file."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import BodyPartReader, web

from jackfield_hub.hub import Hub
from tests.hub.people import Answer, Person
from tests.hub.shop import KEY, answering, put_in_place

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
