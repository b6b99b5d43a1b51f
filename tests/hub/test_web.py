"""HTTP as clients really send it, on raw sockets, and what every answer has in common."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from jackfield_hub.http_protocol import MAX_HEAD_BYTES
from jackfield_hub.hub import Hub
from jackfield_hub.listener import open_socket
from jackfield_hub.server import Farewell, serving
from tests.hub.people import Person
from tests.hub.stored import IS_POSTGRES

GET = b"GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n"
WAIT_SECONDS = 10


@dataclass
class Wire:
    """A bare connection to the hub."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    read: bytes = field(default=b"")

    async def send(self, *pieces: bytes) -> None:
        """Send these pieces, each in a packet of its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.02)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the next answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)
        status, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), WAIT_SECONDS)
        return int(status.split()[1]), headers, body

    async def is_closed(self) -> bool:
        """Return whether the hub closes the connection without another byte."""
        return await asyncio.wait_for(self.reader.read(), WAIT_SECONDS) == b""


@pytest.fixture
async def wire(hub: Hub) -> AsyncGenerator[Wire]:
    listener = open_socket("127.0.0.1", 0)
    async with serving(hub, listener):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        yield Wire(reader, writer)
        writer.close()


async def test_two_stray_bytes_after_a_get_do_no_harm(wire: Wire) -> None:
    await wire.send(GET + b"{}")

    status, headers, body = await wire.answer()

    assert (status, body) == (200, b'{"status":"ok"}')
    assert headers["connection"] == "close"
    assert await wire.is_closed()


async def test_stray_bytes_that_come_later_do_no_harm_either(wire: Wire) -> None:
    await wire.send(GET, b"{}")

    assert (await wire.answer())[0] == 200
    assert await wire.is_closed()


async def test_stray_bytes_after_two_requests_at_once_leave_both_answered(wire: Wire) -> None:
    await wire.send(GET + GET + b"{}" + GET)

    assert [(await wire.answer())[0] for _ in range(2)] == [200, 200]
    assert await wire.is_closed()


async def test_honest_clients_keep_their_connection(wire: Wire) -> None:
    for _ in range(3):
        await wire.send(GET)
        status, headers, _ = await wire.answer()

        assert status == 200
        assert "connection" not in headers


async def test_an_answer_leaves_in_one_piece(wire: Wire) -> None:
    await wire.send(GET)

    head, _, body = (await asyncio.wait_for(wire.reader.read(65536), WAIT_SECONDS)).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)


async def test_a_head_alone_is_an_answer_too(wire: Wire) -> None:
    await wire.send(GET.replace(b"GET", b"HEAD"))

    head = await asyncio.wait_for(wire.reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)

    assert head.startswith(b"HTTP/1.1 ")


async def test_whoever_waits_to_be_told_to_go_on_is_told_at_once(wire: Wire, alice: Person) -> None:
    await wire.send(b"POST /core/v1/connectors/shop/versions/1.0/call HTTP/1.1\r\nHost: hub\r\n")
    await wire.send(f"Authorization: Bearer {alice.token}\r\nContent-Length: 2\r\n".encode())
    await wire.send(b"Expect: 100-continue\r\n\r\n")

    said = await asyncio.wait_for(wire.reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)
    await wire.send(b"{}")
    status, _, _ = await wire.answer()

    assert (said.partition(b"\r\n")[0], status) == (b"HTTP/1.1 100 Continue", 400)


async def test_requests_sent_ahead_are_answered_in_order(wire: Wire) -> None:
    await wire.send(GET + GET.replace(b"healthz", b"nothing") + GET[:9], GET[9:])

    assert [(await wire.answer())[0] for _ in range(3)] == [200, 404, 200]


@pytest.mark.parametrize(
    "garbage", [b"{}", b"\x16\x03\x01\x02\x00\x01", b"GET", b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_http_is_refused_in_json(wire: Wire, garbage: bytes) -> None:
    await wire.send(garbage + b"\r\n\r\n")

    status, headers, body = await wire.answer()

    assert status == 400
    assert headers["content-type"] == "application/json"
    assert isinstance(json.loads(body)["message"], str)
    assert await wire.is_closed()


async def test_a_broken_second_request_is_refused_after_the_first_is_answered(wire: Wire) -> None:
    await wire.send(GET, b"GET / HTTP/1.1\r\nno colon here\r\n\r\n")

    assert [(await wire.answer())[0] for _ in range(2)] == [200, 400]
    assert await wire.is_closed()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://api.example.com/healthz", 200),
        (b"HTTPS://api.example.com:443/healthz", 200),
        (b"http://user:word@api.example.com/healthz?x=1", 200),
        (b"http://api.example.com", 307),
        (b"http://api.example.com?x=1", 307),
        (b"//healthz", 404),
        (b"/healthz/", 404),
        (b"*", 404),
        (b"http://", 400),
    ],
)
async def test_an_absolute_target_is_served_like_its_path(wire: Wire, target: bytes, status: int) -> None:
    await wire.send(b"GET " + target + b" HTTP/1.1\r\nHost: api.example.com\r\n\r\n")

    assert (await wire.answer())[0] == status


async def test_a_head_without_end_is_refused(hub: Hub, wire: Wire) -> None:
    await wire.send(b"GET /healthz HTTP/1.1\r\nx-filler: ")
    for _ in range(MAX_HEAD_BYTES // 4096 + 2):
        wire.writer.write(b"a" * 4096)

    status, _, body = await wire.answer()

    assert (status, json.loads(body)["code"]) == (431, "head_too_large")
    assert dict(hub.numbers.refused) == {"HeadTooLarge": 1}


async def test_a_wish_for_another_protocol_is_passed_over(wire: Wire) -> None:
    await wire.send(
        b"GET /healthz HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABk\r\n\r\n"
    )

    assert (await wire.answer())[0] == 200


async def test_a_client_that_leaves_in_the_middle_harms_nobody(hub: Hub, wire: Wire) -> None:
    await wire.send(b"POST /v1/me HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n{")
    wire.writer.close()

    async with serving(hub, listener := open_socket("127.0.0.1", 0)):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        other = Wire(reader, writer)
        await other.send(GET)
        assert (await other.answer())[0] == 200
        writer.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/v1/me/", 404),
        ("GET", "/v1/../v1/me%00", 404),
        ("POST", "/v1/me", 405),
        ("DELETE", "/healthz", 405),
        ("PROPFIND", "/v1/me", 405),
        ("GET", "/core/v1/services/kinto/versions/one/environments", 400),
        ("GET", "/docs/../../etc/passwd", 404),
        ("GET", "/docs/swagger-ui.js.map", 404),
    ],
)
async def test_every_refusal_is_json_with_a_message(alice: Person, method: str, path: str, status: int) -> None:
    answer = await alice.send(method, path)

    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert isinstance(answer.json["message"], str)


async def test_a_wrong_method_is_told_the_right_ones(alice: Person) -> None:
    answer = await alice.send("POST", "/v1/me")

    assert answer.headers["Allow"] == "GET"


async def test_every_answer_has_a_request_id(alice: Person) -> None:
    ids = [(await alice.get(path)).headers["X-Request-Id"] for path in ("/v1/me", "/nothing", "/healthz")]

    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{16}", request_id) for request_id in ids)


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        ("order-4711.retry_2", True),
        ("short", False),
        ("x" * 129, False),
        ("one two three", False),
        ('"><script>', False),
    ],
)
async def test_a_sane_request_id_is_kept(alice: Person, sent: str, is_kept: bool) -> None:
    answer = await alice.get("/healthz", **{"X-Request-Id": sent})

    assert (answer.headers["X-Request-Id"] == sent) is is_kept
    assert len(answer.headers.getall("X-Request-Id")) == 1  # type: ignore[attr-defined]


async def test_a_stopping_hub_says_that_it_is_not_ready(hub: Hub, alice: Person) -> None:
    assert (await alice.get("/readyz")).status == 200

    hub.is_draining = True

    answer = await alice.get("/readyz")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert (await alice.get("/healthz")).status == 200


async def test_a_hub_that_stops_without_notice_serves_kept_connections_once_more_and_no_new_ones(hub: Hub) -> None:
    listener = open_socket("127.0.0.1", 0)
    address = listener.getsockname()
    async with serving(hub, listener) as server:
        wire = Wire(*await asyncio.open_connection(*address))
        await wire.send(GET)
        assert (await wire.answer())[0] == 200

        leaving = asyncio.create_task(Farewell().take(hub, server, WAIT_SECONDS))
        while listener.fileno() != -1:  # noqa: ASYNC110
            await asyncio.sleep(0)

        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        await wire.send(GET.replace(b"healthz", b"readyz"))
        status, headers, _ = await wire.answer()
        assert (status, headers["connection"]) == (503, "close")
        assert await wire.is_closed()
        await leaving


async def test_what_breaks_inside_is_answered_with_an_id_and_nothing_else(
    hub: Hub, alice: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.clock = lambda: 1 / 0  # whatever asks for the time fails
    stranger = alice.program

    answer = await stranger.get("/v1/me")

    assert answer.status == 500
    request_id = answer.headers["X-Request-Id"]
    assert answer.json == {
        "message": f"Something went wrong on our side; the log of the hub says more about request {request_id}",
        "code": "internal_error",
    }
    assert request_id in capsys.readouterr().err


@pytest.mark.skipif(IS_POSTGRES, reason="it hides the database's file; test_postgres_outages.py restarts a server")
async def test_a_database_that_is_away_is_a_503_and_comes_back(hub: Hub, alice: Person) -> None:
    core = hub.settings.data_dir / "core.db"
    await hub.database.close()
    hidden = core.rename(core.with_name("hidden.db"))
    core.mkdir()

    answer = await alice.get("/readyz")
    assert (answer.status, answer.json["code"]) == (503, "unavailable")

    core.rmdir()
    hidden.rename(core)
    assert (await alice.get("/readyz")).status == 200


@pytest.mark.parametrize("path", ["/", "/docs/"])
async def test_the_bare_address_leads_to_the_docs(door: aiohttp.ClientSession, path: str):
    async with door.get(path, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (307, "/docs")


async def test_the_docs_page_asks_nobody_else_for_anything(door: aiohttp.ClientSession) -> None:
    async with door.get("/docs") as answer:
        page, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    links = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(links) == 4
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "<script>" not in page
    for link in links:
        assert link.startswith("/docs/")
        async with door.get(link) as answer:
            assert (answer.status, len(await answer.read()) > 0) == (200, True)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_description_tells_of_every_address_and_every_refusal(alice: Person) -> None:
    description = (await alice.get("/openapi.json")).json

    assert description["openapi"] == "3.0.3"
    assert "/core/v1/connectors/{name}/versions/{version}/call" in description["paths"]
    for path in description["paths"].values():
        for operation in path.values():
            assert "ValidationError" not in str(operation["responses"])
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description)))
    assert names <= set(description["components"]["schemas"])
    assert '"null"' not in json.dumps(description)


async def test_where_a_parameter_may_be_wrong_the_description_says_400(alice: Person) -> None:
    description = (await alice.get("/openapi.json")).json

    silent = [
        f"{method} {path}"
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if any(may_be_wrong(parameter) for parameter in operation.get("parameters", []))
        and "400" not in operation["responses"]
    ]

    assert silent == []


def may_be_wrong(parameter: dict[str, Any]) -> bool:
    """Whether there are values that are refused, or none may not be left out; paths without them are other paths."""
    takes_all = set(parameter["schema"]) <= {"type", "title", "default", "nullable", "description"}
    is_any_text = parameter["schema"].get("type") == "string" and takes_all
    return not is_any_text or (parameter["required"] and parameter["in"] != "path")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/files/some-file"),
        ("GET", "/v1/files/some-file?expires=1&signature=abc"),
        ("POST", f"/v1/files?name={'a' * 1001}"),
        ("GET", "/v1/services/shop/versions/one"),
        ("GET", "/core/v1/authentications/some-auth/full?forceRefresh=perhaps"),
    ],
)
async def test_a_wrong_parameter_is_answered_400(alice: Person, method: str, path: str) -> None:
    answer = await alice.send(method, path)

    assert (answer.status, answer.json["code"]) == (400, "invalid_input")
