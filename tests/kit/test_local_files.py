"""Files by reference without a hub: in tests with a fake service, in recordings, and from the command."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pytest

from jackfield import AsyncHttp, Connector, File, Http, InvalidInput, NotFound
from jackfield.egress.recordings import Recorder, Recording, Replay
from jackfield.egress.redaction import redactor
from jackfield.errors import ConnectorError
from jackfield.exchange import JsonObject
from jackfield.local_files import WithFiles
from jackfield.testing import FAKE_BASE_URL, FakeService, Recorded, local_file, read_file, run

shop = Connector("https://api.shop.example")


@dataclass
class Sent:
    file: File


@dataclass
class Wanted:
    name: str


class Kept(TypedDict):
    file: File


@shop.operation
def upload(sent: Sent, http: Http) -> JsonObject:
    """Send a file."""
    return http.put("/store", file=sent.file).json()


@shop.operation
def upload_form(sent: Sent, http: Http) -> JsonObject:
    """Send a file as a part of a form."""
    return http.post("/form", multipart={"title": "T", "file": sent.file}).json()


@shop.operation
def download(wanted: Wanted, http: Http) -> Kept:
    """Keep an answer as a file."""
    return {"file": http.get("/report", to_file=wanted.name).file}


@shop.operation
def download_nothing(wanted: Wanted, http: Http) -> Kept:
    """Forget to say that a file is wanted."""
    return {"file": http.get("/report").file}


@shop.operation
def add_up(sent: Sent, http: Http) -> JsonObject:
    """Read a table."""
    with http.open(sent.file) as stream:
        return {"total": sum(int(row[1]) for row in csv.reader(io.TextIOWrapper(stream)))}


@shop.operation
def read_the_end(sent: Sent, http: Http) -> JsonObject:
    """Look at the last bytes."""
    with http.open(sent.file) as stream:
        stream.seek(-3, io.SEEK_END)
        return {"end": stream.read().decode(), "more": stream.read().decode()}


@shop.operation
async def measure(sent: Sent, http: AsyncHttp) -> JsonObject:
    """Count the bytes of a file."""
    return {"pieces": [len(piece) async for piece in http.pieces(sent.file)]}


@shop.operation
def export(http: Http) -> Kept:
    """Make a file."""
    return {"file": http.make_file("../export.csv", b"a,1", "text/csv")}


def stored(folder: Path, content: bytes = b"%PDF", name: str = "a.pdf") -> Sent:
    path = folder / name
    path.write_bytes(content)
    return Sent(local_file(path))


def test_a_fake_service_sees_what_is_in_a_file(tmp_path: Path):
    service = FakeService()
    service.put("/store", json={"ok": True})

    run(upload, stored(tmp_path), service=service)

    [seen] = service.requests
    assert (seen.request.body, seen.headers["content-type"]) == (b"%PDF", "application/pdf")


def test_a_fake_service_sees_a_file_in_a_form(tmp_path: Path):
    service = FakeService()
    service.post("/form", json={"ok": True})

    run(upload_form, stored(tmp_path), service=service)

    assert 'name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n' in service.requests[0].text


def test_what_a_fake_service_answers_becomes_a_file():
    service = FakeService()
    service.get("/report", content=b"\x00\x01", headers={"Content-Type": "application/x-report"})

    output = run(download, Wanted("../../r.bin"), service=service)

    assert (output["file"]["name"], output["file"]["mime_type"]) == ("r.bin", "application/x-report")
    assert read_file(output["file"]) == b"\x00\x01"


def test_a_refusal_becomes_no_file():
    service = FakeService()
    service.get("/report", status=404)

    with pytest.raises(NotFound):
        run(download, Wanted("r.bin"), service=service)


def test_an_answer_nobody_wanted_as_a_file_is_none():
    service = FakeService()
    service.get("/report", content=b"x")

    with pytest.raises(ConnectorError, match="to_file="):
        run(download_nothing, Wanted("r.bin"), service=service)


def test_a_file_is_read_as_a_stream(tmp_path: Path):
    table = "".join(f"row,{number}\n" for number in range(100)).encode()

    assert run(add_up, stored(tmp_path, table), service=FakeService())["total"] == 4950
    assert run(read_the_end, stored(tmp_path, b"0123456789"), service=FakeService()) == {"end": "789", "more": ""}


@pytest.mark.parametrize(("size", "pieces"), [(0, []), (10, [10]), (4 << 20, [4 << 20]), ((4 << 20) + 1, [4 << 20, 1])])
def test_an_async_operation_reads_a_file_in_pieces(tmp_path: Path, size: int, pieces: list[int]):
    assert run(measure, stored(tmp_path, bytes(size)), service=FakeService())["pieces"] == pieces


def test_a_file_can_be_made_of_nothing_but_bytes():
    reference = run(export, service=FakeService())["file"]

    assert (reference["name"], reference["mime_type"], read_file(reference)) == ("export.csv", "text/csv", b"a,1")


def test_files_are_recorded_and_replayed(tmp_path: Path):
    service = FakeService()
    service.put("/store", json={"id": 7})
    service.get("/report", content=b"\xff\x00", headers={"Content-Type": "application/x-report"})
    recorder = Recorder(service)
    live = Recorded(shop, WithFiles(recorder), FAKE_BASE_URL, {})
    live.run(upload, stored(tmp_path))
    live.run(download, Wanted("r.bin"))
    Recording(tuple(recorder.exchanges)).write(tmp_path / "recording.json", redactor(()))

    replay = Recorded(shop, WithFiles(Replay(Recording.read(tmp_path / "recording.json"))), FAKE_BASE_URL, {})
    uploaded = replay.run(upload, stored(tmp_path, name="a.pdf"))
    downloaded = replay.run(download, Wanted("r.bin"))

    assert uploaded == {"id": 7}
    assert read_file(downloaded["file"]) == b"\xff\x00"


def test_a_recording_knows_another_file_from_the_one_it_saw(tmp_path: Path):
    service = FakeService()
    service.put("/store", json={"id": 7})
    recorder = Recorder(service)
    Recorded(shop, WithFiles(recorder), FAKE_BASE_URL, {}).run(upload, stored(tmp_path))
    replay = WithFiles(Replay(Recording(tuple(recorder.exchanges))))

    with pytest.raises(pytest.fail.Exception, match="not in the recording"):
        Recorded(shop, replay, FAKE_BASE_URL, {}).run(upload, stored(tmp_path, b"another"))


def test_a_file_that_is_not_there_is_a_mistake_of_the_input(tmp_path: Path):
    with pytest.raises(InvalidInput, match="There is no file"):
        run(upload, Sent(local_file(tmp_path / "nothing.pdf")), service=FakeService())


def test_without_a_hub_a_file_is_on_this_machine():
    elsewhere = Sent(File("a.pdf", "https://files.example/a.pdf", "", 0))

    with pytest.raises(InvalidInput, match="file:///"):
        run(upload, elsewhere, service=FakeService())
