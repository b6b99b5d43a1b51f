"""What the engine lets out: requests that it has signed and nobody else, in headers as they should be."""

from __future__ import annotations

import base64
import re

import pytest

from jackfield.auth import ApiKey, Basic, Bearer, Place, SignIn
from jackfield.egress.addresses import system_resolver
from jackfield.egress.engine import Engine
from jackfield.egress.limits import Limits
from jackfield.errors import NotAllowed
from jackfield.exchange import Request
from tests.kit.engines import grant_to, send, usual_engine
from tests.kit.misbehaving import answer, redirect, third_party

__all__ = ["usual_engine"]  # fixtures


SECRET = 'sk_live/Zoë+"51&<x>=='
TOKEN = "tok-4f9a1c77d2e0b8"


@pytest.mark.parametrize(
    ("sign_in", "line"),
    [
        (Bearer(), f"Authorization: Bearer {TOKEN}"),
        (ApiKey("X-Key"), f"X-Key: {TOKEN}"),
        (ApiKey("Authorization", prefix="Token "), f"Authorization: Token {TOKEN}"),
        (ApiKey("api key", Place.QUERY), f"GET /a?b=c&api%20key={TOKEN} HTTP/1.1"),
        (ApiKey("session", Place.COOKIE), f"Cookie: session={TOKEN}"),
        (Basic(), "Authorization: Basic " + base64.b64encode(f"zoe:{TOKEN}".encode()).decode()),
    ],
    ids=lambda value: value.kind if not isinstance(value, str) else "",
)
async def test_the_engine_signs_in_and_a_connector_cannot_do_it_beside(engine: Engine, sign_in: SignIn, line: str):
    async with third_party(answer()) as party:
        grant = grant_to(party.url, sign_in=sign_in, accessToken=TOKEN, apiKey=TOKEN, username="zoe", password=TOKEN)
        headers = (("authorization", "Bearer mine"), ("x-key", "mine"), ("cookie", "a=mine"))
        await send(engine, Request("GET", f"{party.url}/a?b=c", headers), grant)

    assert line in party.requests[0].decode()
    if not isinstance(sign_in, ApiKey):
        assert b"Bearer mine" not in party.requests[0]


JSON, FORM = ("Content-Type", "application/json; charset=utf-8"), ("content-type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("header", "body", "sent"),
    [
        (JSON, b'{"a": 1}', f'{{"a":1,"api_token":"{TOKEN}"}}'),
        (JSON, b'{"api_token": "mine", "b": [2]}', f'{{"api_token":"{TOKEN}","b":[2]}}'),
        (JSON, b"", f'{{"api_token":"{TOKEN}"}}'),
        (FORM, b"a=1&a=%C3%BC&api_token=mine&b=", f"a=1&a=%C3%BC&b=&api_token={TOKEN}"),
        (FORM, b"a=%FF", f"a=%FF&api_token={TOKEN}"),
    ],
)
async def test_a_key_can_go_into_a_field_of_the_body(engine: Engine, header: tuple[str, str], body: bytes, sent: str):
    async with third_party(answer()) as party:
        grant = grant_to(party.url, sign_in=ApiKey("api_token", Place.BODY), apiKey=TOKEN)
        await send(engine, Request("POST", party.url, (header,), body), grant)

    assert party.requests[0].partition(b"\r\n\r\n")[2] == sent.encode()
    assert f"Content-Length: {len(sent)}".encode() in party.requests[0]


@pytest.mark.parametrize(
    ("method", "content"), [("POST", b"[1]"), ("PUT", b"text"), ("POST", b'{"a":'), ("GET", b""), ("HEAD", b"")]
)
async def test_a_body_without_fields_cannot_take_a_key(engine: Engine, method: str, content: bytes):
    async with third_party(answer()) as party:
        grant = grant_to(party.url, sign_in=ApiKey("api_token", Place.BODY), apiKey=TOKEN)
        with pytest.raises(NotAllowed, match="a JSON object or a form"):
            await send(engine, Request(method, party.url, (JSON,), content), grant)

    assert party.connections == 0


async def test_a_key_in_the_body_does_not_follow_to_another_host(engine: Engine):
    async with third_party(answer(b"files")) as files, third_party(answer()) as api:
        files_url = f"http://files.acme.test:{files.port}"
        api.answers = (redirect(307, f"{files_url}/a"),)
        grant = grant_to(api.url, files_url, sign_in=ApiKey("api_token", Place.BODY), apiKey=TOKEN)
        await send(engine, Request("POST", api.url, (JSON,), b'{"a":1}'), grant)

    assert TOKEN.encode() in api.requests[0]
    assert files.requests[0].endswith(b'\r\n\r\n{"a":1}')


async def test_missing_credentials_are_said_in_a_sentence(engine: Engine):
    async with third_party(answer()) as party:
        with pytest.raises(NotAllowed, match="give the call an auth"):
            await send(engine, Request("GET", party.url), grant_to(party.url, sign_in=Bearer()))

    assert party.connections == 0


async def test_a_credential_with_a_line_break_cannot_add_a_header(engine: Engine):
    async with third_party(answer()) as party:
        grant = grant_to(party.url, sign_in=Bearer(), accessToken="abcdef\r\nX-Admin: yes")
        with pytest.raises(NotAllowed, match='"Authorization" holds a line break') as refused:
            await send(engine, Request("GET", party.url), grant)

    assert party.connections == 0
    assert "abcdef" not in refused.value.message


async def test_credentials_go_to_declared_hosts_only(engine: Engine):
    async with third_party(answer()) as party, third_party(answer()) as other:
        grant = grant_to(party.url, sign_in=Bearer(), accessToken=TOKEN)
        with pytest.raises(NotAllowed, match=f"may not reach {re.escape(other.url)}"):
            await send(engine, Request("GET", other.url), grant)

    assert other.connections == 0


@pytest.mark.parametrize(
    "header",
    [
        ("X-A", "b\r\nX-Admin: yes"),
        ("X-A", "b\nX-Admin: yes"),
        ("X-A", "b\rX-Admin: yes"),
        ("X-A", "b\0c"),
        ("X-A", "b\x7fc"),
        ("X-A", "b\x0bc"),
        ("X-A", "\r\n\r\nGET /admin HTTP/1.1"),
        ("X-A", "\ud800"),
        ("X-A\r\nX-Admin", "yes"),
        ("X-A: b\r\nX-Admin", "yes"),
        ("X A", "b"),
        ("X-A:", "b"),
        ("", "b"),
        ("X-Ä", "b"),
        ("X-A\0", "b"),
        (" X-A", "b"),
        ("X-A\t", "b"),
        ("Transfer-Encoding ", "chunked"),
        ("Content-Length\x0b", "5"),
    ],
    ids=repr,
)
async def test_a_malformed_header_is_refused(engine: Engine, header: tuple[str, str]):
    async with third_party(answer()) as party:
        with pytest.raises(NotAllowed, match="header"):
            await send(engine, Request("GET", party.url, (header,)), grant_to(party.url))

    assert party.connections == 0


@pytest.mark.parametrize(
    "header",
    [
        ("Host", "evil.test"),
        ("host", "evil.test"),
        ("Content-Length", "0"),
        ("content-length", "500"),
        ("Transfer-Encoding", "chunked"),
        ("TRANSFER-ENCODING", "gzip, chunked"),
        ("Connection", "close, X-A"),
        ("Keep-Alive", "timeout=999"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Connection", "keep-alive"),
        ("Expect", "100-continue"),
        ("Upgrade", "websocket"),
        ("HTTP2-Settings", "AAAA"),
        ("TE", "trailers"),
        ("Trailer", "X-A"),
        ("Accept-Encoding", "br, zstd"),
    ],
    ids=lambda header: header[0],
)
async def test_headers_that_frame_the_request_are_the_engines_alone(engine: Engine, header: tuple[str, str]):
    async with third_party(answer()) as party:
        request = Request("POST", party.url, (header, ("X-Kept", "yes")), b"12345")
        await send(engine, request, grant_to(party.url))

    head, _, body = party.requests[0].partition(b"\r\n\r\n")
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert body == b"12345"
    assert (names.count(b"host"), names.count(b"content-length"), names.count(b"x-kept")) == (1, 1, 1)
    assert f"{header[0]}: {header[1]}".encode() not in head
    assert len(party.requests) == 1


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "GET /x HTTP/1.1\r\nX: y", "", "G" * 21, "GÉT", "GET "])
async def test_an_odd_method_is_refused(engine: Engine, method: str):
    async with third_party(answer()) as party:
        with pytest.raises(NotAllowed, match="HTTP method"):
            await send(engine, Request(method, party.url), grant_to(party.url))

    assert party.connections == 0


async def test_a_request_body_has_a_cap():
    engine = Engine(Limits(max_request_bytes=10))
    with pytest.raises(NotAllowed, match="may carry 10 bytes"):
        await send(engine, Request("POST", "http://127.0.0.1:9/", (), b"x" * 11), grant_to("http://127.0.0.1:9"))
    await engine.close()


async def test_the_path_arrives_as_it_was_written(engine: Engine):
    path = "/a/%2e%2e/b//c%2Fd;e=f/@g?x=%20+&y[]=1&y[]=2&&z"
    async with third_party(answer()) as party:
        await send(engine, Request("GET", party.url + path), grant_to(party.url))

    assert party.requests[0].startswith(f"GET {path} HTTP/1.1\r\n".encode())


async def test_every_name_under_localhost_is_this_machine():
    assert await system_resolver("mugs.localhost", 80) == ["127.0.0.1"]
