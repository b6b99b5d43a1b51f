"""Send request."""

from pathlib import Path
from typing import Any

import pytest
from jackfield import NotFound
from jackfield.testing import FakeService, local_file, read_file, run

from http_client.operations.send_request import send_request


def sent(body: dict[str, Any]) -> Any:
    """Return the request that a body becomes."""
    server = FakeService()
    server.post("/orders", json={})
    run(send_request, {"path": "/orders", "method": "POST", "body": body}, service=server)
    return server.requests[0]


@pytest.mark.parametrize(
    ("body", "kind", "content"),
    [
        ({"json": [1, None]}, "application/json", b"[1,null]"),
        ({"json": None}, "application/json", b"null"),
        (
            {"form": {"tea": "green & black", "cups": 2}},
            "application/x-www-form-urlencoded",
            b"tea=green+%26+black&cups=2",
        ),
        ({"text": "a;b", "content_type": "text/csv"}, "text/csv", b"a;b"),
        ({"nothing": True}, None, b""),
    ],
)
def test_a_body_is_sent_as_what_it_is(body: dict[str, Any], kind: str | None, content: bytes) -> None:
    request = sent(body)

    assert (request.headers.get("content-type"), request.request.body) == (kind, content)


def test_files_are_the_body_or_parts_of_it(tmp_path: Path) -> None:
    (tmp_path / "leaves.txt").write_text("dry leaves")
    leaves = vars(local_file(tmp_path / "leaves.txt", "text/plain"))

    alone, beside = (
        sent({"file": leaves}),
        sent({"files": {"sample": leaves}, "texts": {"notes.txt": "dry"}, "fields": {"cups": "2"}}),
    )

    assert (alone.headers["content-type"], alone.text) == ("text/plain", "dry leaves")
    assert 'name="sample"; filename="leaves.txt"' in beside.text
    assert 'name="notes.txt"; filename="notes.txt"' in beside.text
    assert 'name="cups"\r\n\r\n2' in beside.text


def test_an_answer_is_json_text_or_a_file() -> None:
    server = FakeService()
    server.get("/json", json={"tea": "green"}, headers={"X-Cups": "2"})
    server.get("/text", text="tea")
    server.get("/large", content=b"leaves")

    as_json = run(send_request, {"path": "/json"}, service=server)
    as_file = run(send_request, {"path": "/large", "save_as": "leaves.bin"}, service=server)

    assert (as_json["body"], as_json["headers"]["x-cups"]) == ({"tea": "green"}, "2")
    assert run(send_request, {"path": "/text"}, service=server)["body"] == "tea"
    assert read_file(as_file["file"]) == b"leaves"


def test_a_refusal_is_an_error_or_an_answer() -> None:
    server = FakeService()
    server.get("/gone", status=404, json={"why": "gone"})

    with pytest.raises(NotFound):
        run(send_request, {"path": "/gone"}, service=server)
    answer = run(send_request, {"path": "/gone", "is_refusal_an_error": False}, service=server)
    assert (answer["status"], answer["body"]) == (404, {"why": "gone"})
