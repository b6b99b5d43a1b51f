"""Recordings: made once from the live service, replayed offline, compared on demand."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jackfield.egress.differences import differences
from jackfield.egress.recordings import BadRecording, Exchange, Recorder, Recording, Replay, fingerprint
from jackfield.egress.redaction import redactor
from jackfield.errors import NoAnswer
from jackfield.exchange import Request, Response

TOKEN = "tok-4f9a1c77d2e0b8"
URL = "https://api.acme.test/products/1"


def exchange(url: str = URL, body: bytes = b"", answer: bytes = b'{"id":1}', method: str = "GET") -> Exchange:
    return Exchange(
        Request(method, url, body=body), Response(200, (("Content-Type", "application/json"),), answer, url)
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"b":1,"a":[null,"\xc3\xbc"]}',
        b"",
        b"[]",
        b"plain \xc3\xbc\n",
        b"\xff\x00\x01",
        b'"text"',
        b"12.50",
        b'{"a": 1',
    ],
)
def test_an_answer_comes_back_as_it_was(tmp_path: Path, body: bytes):
    file = tmp_path / "recordings" / "test.json"
    headers = (("Content-Type", "x/y"), ("Link", "<a>"), ("Link", "<b>"))
    recording = Recording(
        (Exchange(Request("GET", URL), Response(201, headers, body, URL)),), {"server": "https://x.test"}
    )

    recording.write(file, redactor([]))
    read = Recording.read(file)
    answer = Replay(read).send(Request("GET", URL))

    assert (answer.status, answer.headers, answer.url, read.user_data) == (
        201,
        headers,
        URL,
        {"server": "https://x.test"},
    )
    assert answer.body == body or json.loads(answer.body) == json.loads(body)


def test_a_body_whose_digest_is_named_stays_as_it_came(tmp_path: Path):
    body, headers = b'{ "spaces" : 3 }', (("Docker-Content-Digest", "sha256:00"),)
    named = Exchange(Request("GET", URL), Response(200, headers, body, URL))
    length = Exchange(Request("HEAD", URL), Response(200, (("Content-Length", "37"),), b"", URL))

    Recording((named, length)).write(tmp_path / "test.json", redactor([]))
    replay = Replay(Recording.read(tmp_path / "test.json"))

    assert replay.send(Request("GET", URL)).body == body
    assert replay.send(Request("HEAD", URL)).headers == (("Content-Length", "37"),)


def test_a_recording_is_for_people_to_read(tmp_path: Path):
    file = tmp_path / "test.json"
    noisy = Response(
        200, (("Date", "now"), ("Set-Cookie", "a=b"), ("Content-Type", "application/json")), b'{"a": "\xc3\xbc"}'
    )

    Recording((Exchange(Request("POST", URL, body=b'{"x":1}'), noisy),)).write(file, redactor([]))

    assert json.loads(file.read_text("utf-8")) == {
        "userData": {},
        "exchanges": [
            {
                "request": {"method": "POST", "url": URL, "json": {"x": 1}},
                "response": {"status": 200, "headers": {"Content-Type": "application/json"}, "json": {"a": "ü"}},
            }
        ],
    }
    assert '"a": "ü"' in file.read_text("utf-8")


def test_no_secret_reaches_the_file_in_any_spelling(tmp_path: Path):
    file = tmp_path / "test.json"
    encoded = base64.b64encode(f"zoe:{TOKEN}".encode()).decode()
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)
    bodies = (TOKEN, json.dumps({TOKEN: [encoded]}), f'{{"a": "{spelled}"}}', TOKEN.encode().hex())
    exchanges = [
        Exchange(
            Request("POST", f"{URL}?key={TOKEN}", (("X-Key", TOKEN),), body.encode()),
            Response(200, (("X-Echo", encoded),), b"\xff" + body.encode() if index % 2 else body.encode(), URL),
        )
        for index, body in enumerate(bodies)
    ]

    Recording(tuple(exchanges), {"note": TOKEN}).write(file, redactor([TOKEN]))

    text = file.read_text("utf-8")
    opened = [base64.b64decode(found["response"]["base64"]) for found in json.loads(text)["exchanges"][1::2]]
    for reading in (text, json.dumps(json.loads(text)), *(str(content) for content in opened)):
        for spelling in (
            TOKEN,
            encoded,
            TOKEN.encode().hex(),
            base64.b64encode(TOKEN.encode()).decode().rstrip("=")[:-1],
        ):
            assert spelling not in reading


def test_the_order_of_a_query_or_of_json_keys_does_not_matter():
    def same(one: Request, other: Request) -> bool:
        return fingerprint(one) == fingerprint(other)

    assert same(Request("GET", f"{URL}?a=1&b=2"), Request("GET", f"{URL}?b=2&a=1"))
    assert same(Request("POST", URL, body=b'{"a":1,"b":2}'), Request("POST", URL, body=b'{"b": 2, "a": 1}'))
    assert same(Request("GET", "https://API.acme.test"), Request("GET", "https://api.acme.test/"))
    for other in (
        Request("POST", f"{URL}?a=1&b=2"),
        Request("GET", f"{URL}?a=1&b=3"),
        Request("GET", f"{URL}?a=1"),
        Request("GET", f"{URL}/x?a=1&b=2"),
        Request("GET", f"{URL}?a=1&b=2", body=b"x"),
    ):
        assert not same(Request("GET", f"{URL}?a=1&b=2"), other)


def test_the_same_question_is_answered_in_recorded_order():
    replay = Replay(Recording((exchange(answer=b"1"), exchange(answer=b"2"))))

    assert [replay.send(Request("GET", URL)).body for _ in range(3)] == [b"1", b"2", b"2"]


def test_an_unknown_request_is_named_beside_what_is_known():
    replay = Replay(Recording((exchange(), exchange(f"{URL}?a=b"))))

    with pytest.raises(NoAnswer) as unknown:
        replay.send(Request("DELETE", f"{URL}/x", body=b'{"why": 1}'))

    for line in (f'DELETE {URL}/x {{"why": 1}}', f"GET {URL}", f"GET {URL}?a=b", "connector test --record"):
        assert line in unknown.value.message
    assert replay.missing == [unknown.value.message]


def test_a_recorder_remembers_what_went_through_it():
    recorder = Recorder(Replay(Recording((exchange(),))))

    answer = recorder.send(Request("GET", URL))

    assert recorder.exchanges == [Exchange(Request("GET", URL), answer)]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"exchanges": [{}]}', '{"exchanges": [{"request": 1, "response": 2}]}']
)
def test_a_damaged_recording_says_what_to_do(tmp_path: Path, content: str):
    file = tmp_path / "test.json"
    file.write_text(content)

    with pytest.raises(BadRecording, match="record the test again"):
        Recording.read(file)


@pytest.mark.parametrize(
    ("recorded", "live", "found"),
    [
        ({"a": 1, "b": "x"}, {"a": 2, "b": "y"}, []),
        ({"a": 1}, {"a": 1.5}, []),
        ({"a": None}, {"a": "x"}, []),
        ({"a": "x"}, {"a": None}, []),
        ({"a": []}, {"a": [1]}, []),
        ({"a": 1}, {"a": 1, "b": 2}, ["b appeared"]),
        ({"a": 1, "b": {"c": 1}}, {"a": 1, "b": {}}, ["b.c disappeared"]),
        ({"a": 1}, {"a": "1"}, ["a changed its type from number to string"]),
        ({"a": True}, {"a": 1}, ["a changed its type from boolean to number"]),
        ({"a": {}}, {"a": []}, ["a changed its type from object to array"]),
        (
            {"a": [{"b": 1}, {"b": 2, "c": None}]},
            {"a": [{"b": "1"}]},
            ["a[].b changed its type from number to string", "a[].c disappeared"],
        ),
        ([1, None], ["x"], ["[] changed its type from number to string"]),
        ({"a": 1}, "text", ["the whole answer changed its type from object to string"]),
    ],
)
def test_a_difference_is_a_field_that_came_went_or_changed_its_type(recorded: Any, live: Any, found: list[str]):
    assert [str(difference) for difference in differences(recorded, live)] == found


# The whole way: a project, pytest in a process of its own, and a live service on loopback


@dataclass
class Live:
    """A service that knows one product and wants a token."""

    port: int = 0
    product: dict[str, Any] = field(default_factory=lambda: {"id": 1, "title": "Blue socks", "price": 4.5})
    asked: list[str] = field(default_factory=list[str])


@pytest.fixture
def live() -> Iterator[Live]:
    live = Live()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            live.asked.append(self.path)
            is_known = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.path == "/api/products/1"
            body = json.dumps({**live.product, "you": self.headers["Authorization"]} if is_known else {}).encode()
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    live.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield live
    server.shutdown()
    thread.join()
    server.server_close()


CONNECTOR = """
from jackfield import Bearer, Connector

shop = Connector("{server}/api", sign_in=Bearer())
"""
OPERATION = '''
from dataclasses import dataclass
from typing import TypedDict

from jackfield import Http

from shop.connector import shop


@dataclass
class ProductRef:
    product_id: int


class Product(TypedDict):
    id: int
    title: str


@shop.operation
def get_product(ref: ProductRef, http: Http) -> Product:
    """Read one product."""
    return http.get(f"/products/{ref.product_id}").json()
'''
TESTS = """
import pytest

from jackfield import NotFound
from shop.operations.get_product import ProductRef, get_product


def test_get_product_returns_the_title(recorded):
    product = recorded.run(get_product, ProductRef(product_id=1))
    assert product["title"] == "Blue socks"


def test_a_missing_product_is_not_found(recorded):
    with pytest.raises(NotFound):
        recorded.run(get_product, ProductRef(product_id=2))


def test_the_connector_is_there(connector):
    assert list(connector.operations) == ["get_product"]
"""


@pytest.fixture
def project(tmp_path: Path, live: Live) -> Path:
    metadata = {"name": "shop", "version": "1.0", "title": "Shop", "service": {"name": "shop", "version": "1"}}
    auth = {"userData": {"server": f"http://127.0.0.1:{live.port}"}, "credentials": {"accessToken": TOKEN}}
    for name, content in {
        "connector.json": json.dumps(metadata),
        "auth.ctx.json": json.dumps(auth),
        "shop/__init__.py": "",
        "shop/connector.py": CONNECTOR,
        "shop/operations/__init__.py": "",
        "shop/operations/get_product.py": OPERATION,
        "tests/test_get_product.py": TESTS,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def run_tests(project: Path, *options: str) -> tuple[int, str]:
    """Return pytest's exit code and what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options, "tests"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def recording_of(project: Path, test: str = "test_get_product_returns_the_title") -> Path:
    return project / "tests" / "recordings" / f"{test}.json"


def test_what_was_recorded_once_is_replayed_offline(project: Path, live: Live):
    assert run_tests(project, "--record")[0] == 0
    asked = list(live.asked)
    (project / "auth.ctx.json").unlink()

    code, _ = run_tests(project)

    assert code == 0
    assert live.asked == asked == ["/api/products/1", "/api/products/2"]
    assert TOKEN not in recording_of(project).read_text()
    assert "[redacted]" in recording_of(project).read_text()


def test_every_test_of_a_connector_with_the_raw_operation_finds_it_once(project: Path):
    metadata = json.loads((project / "connector.json").read_text())
    (project / "connector.json").write_text(json.dumps({**metadata, "rawHttp": {"enabled": True}}))
    tests = project / "tests" / "test_get_product.py"
    tests.write_text(tests.read_text().replace('["get_product"]', '["get_product", "raw_http_request"]'))

    code, said = run_tests(project, "--record")

    assert code == 0, said


def test_a_failure_is_shown_at_the_line_of_the_test_not_in_our_code(project: Path):
    tests = project / "tests" / "test_get_product.py"
    tests.write_text(tests.read_text().replace("    with pytest.raises(NotFound):\n    ", ""))

    code, said = run_tests(project, "--record")

    assert code == 1
    assert "recorded.run(get_product, ProductRef(product_id=2))" in said
    assert "testing.py" not in said


def test_an_unrecorded_request_fails_the_test_and_an_unrecorded_test_says_so(project: Path, live: Live):
    run_tests(project, "--record")
    recording_of(project, "test_a_missing_product_is_not_found").unlink()
    file = recording_of(project)
    file.write_text(file.read_text().replace("/products/1", "/products/9"))
    live.asked.clear()

    code, printed = run_tests(project)

    assert code == 1
    assert "This request is not in the recording" in printed
    assert "/api/products/9" in printed
    assert "recordings/test_a_missing_product_is_not_found.json is missing" in printed
    assert live.asked == []


def test_live_and_diff_name_the_fields_that_are_not_as_recorded(project: Path, live: Live):
    run_tests(project, "--record")
    before = recording_of(project).read_text()
    live.product = {"id": 1, "title": "Blue socks", "colour": "blue"}

    code, printed = run_tests(project, "--live", "--diff")

    assert code == 1
    assert "price disappeared" in printed
    assert "colour appeared" in printed
    assert "test_a_missing_product_is_not_found: " not in printed
    assert recording_of(project).read_text() == before


def test_a_test_that_fails_records_nothing(project: Path, live: Live):
    live.product["title"] = "Red socks"

    assert run_tests(project, "--record")[0] == 1
    assert not recording_of(project).exists()
    assert recording_of(project, "test_a_missing_product_is_not_found").exists()


def test_missing_credentials_and_contradictions_say_what_to_do(project: Path):
    (project / "auth.ctx.json").write_text('{"userData": {"server": "http://127.0.0.1:9"}}')

    assert 'Write auth.ctx.json: {"credentials":{"accessToken":"…"}}' in run_tests(project, "--live")[1]
    assert "leave out --live" in run_tests(project, "--live", "--record")[1]
    assert "add --live" in run_tests(project, "--diff")[1]
