"""What the engine lets out and lets in: redirects, signing in, headers, secrets."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import time
from collections.abc import AsyncIterator
from urllib.parse import quote, quote_plus

import pytest

from jackfield.auth import ApiKey, Basic, Bearer, NoSignIn, Place, SignIn
from jackfield.egress.addresses import system_resolver
from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.limits import Limits
from jackfield.egress.policy import AddressPolicy, HostRule, Target
from jackfield.egress.redaction import MARK, redactor
from jackfield.errors import NoAnswer, NotAllowed
from jackfield.exchange import Headers, Request, Response
from tests.kit.misbehaving import Issuer, answer, third_party

LOOPBACK = AddressPolicy.allowing(["127.0.0.0/8"])
SECRET = 'sk_live/Zoë+"51&<x>=='
TOKEN = "tok-4f9a1c77d2e0b8"


class AnyHost(HostRule):
    """A connector that declared the whole internet."""

    def matches(self, target: Target) -> bool:
        return True


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    engine = Engine(resolve=resolve)
    yield engine
    await engine.close()


def grant_to(*hosts: str, sign_in: SignIn | None = None, **credentials: str) -> Grant:
    return Grant(tuple(HostRule.parse(host) for host in hosts), sign_in or NoSignIn(), credentials, LOOPBACK)


async def send(engine: Engine, request: Request, grant: Grant) -> Response:
    return await engine.send(request, grant, time.monotonic() + 5)


def redirect(status: int, location: str) -> bytes:
    return answer(b"moved", status=status, Location=location)


# Redirects


@pytest.mark.parametrize("location", ["/next?a=b", "next?a=b", "//127.0.0.1:{port}/next?a=b", "/next?a=b#part"])
async def test_a_redirect_on_the_same_host_is_followed_with_the_credentials(engine: Engine, location: str):
    async with third_party(answer(b"there")) as party:
        party.answers = (redirect(302, location.format(port=party.port)), answer(b"there"))
        grant = grant_to(party.url, sign_in=Bearer(), accessToken=TOKEN)
        response = await send(engine, Request("GET", f"{party.url}/here"), grant)

    assert (response.body, response.url) == (b"there", f"{party.url}/next?a=b")
    assert party.requests[1].startswith(b"GET /next?a=b HTTP/1.1")
    assert f"Authorization: Bearer {TOKEN}".encode() in party.requests[1]


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (307, "POST", "POST", b"body"),
        (308, "PATCH", "PATCH", b"body"),
        (302, "PUT", "PUT", b"body"),
    ],
)
async def test_a_redirect_keeps_or_changes_the_method_as_browsers_do(
    engine: Engine, status: int, method: str, then: str, body: bytes
):
    async with third_party(redirect(status, "/next"), answer()) as party:
        request = Request(method, party.url, (("Content-Type", "text/plain"),), b"body")
        await send(engine, request, grant_to(party.url))

    second = party.requests[1]
    assert second.startswith(f"{then} /next".encode())
    assert second.endswith(b"\r\n\r\n" + body)
    assert (b"Content-Type: text/plain" in second) is bool(body)


@pytest.mark.parametrize(
    "sign_in",
    [Bearer(), Basic(), ApiKey("X-Key"), ApiKey("api_key", Place.QUERY), ApiKey("key", Place.COOKIE)],
    ids=lambda way: way.kind + getattr(way, "place", ""),
)
async def test_another_declared_host_does_not_get_the_credentials(engine: Engine, sign_in: SignIn):
    async with third_party(answer(b"files")) as files, third_party(answer()) as api:
        files_url = f"http://files.acme.test:{files.port}"
        api.answers = (redirect(307, f"{files_url}/a"),)
        headers = (("Cookie", "mine=1"), ("X-Api-Key", "mine"), ("Accept", "text/plain"))
        grant = grant_to(
            api.url, files_url, sign_in=sign_in, accessToken=TOKEN, apiKey=TOKEN, username="zoe", password=TOKEN
        )
        response = await send(engine, Request("GET", api.url, headers), grant)

    assert response.body == b"files"
    assert TOKEN.encode() in base64_opened(api.requests[0])
    for word in (TOKEN.encode(), b"Authorization", b"mine"):
        assert word not in base64_opened(files.requests[0])
    assert b"Accept: text/plain" in files.requests[0]


def base64_opened(request: bytes) -> bytes:
    basic = re.search(rb"Basic (\S+)", request)
    return request + (base64.b64decode(basic[1]) if basic else b"")


async def test_credentials_do_not_come_back_after_a_detour(engine: Engine):
    async with third_party(answer()) as api, third_party(answer()) as files:
        files_url = f"http://files.acme.test:{files.port}"
        api.answers = (redirect(302, f"{files_url}/a"), answer(b"back"))
        files.answers = (redirect(302, f"{api.url}/b"),)
        grant = grant_to(api.url, files_url, sign_in=Bearer(), accessToken=TOKEN)
        await send(engine, Request("GET", api.url), grant)

    assert TOKEN.encode() in api.requests[0]
    assert TOKEN.encode() not in api.requests[1]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/",
        "http://localhost:{other}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{other}/",
        "http://[::ffff:127.0.0.1]:{other}/",
        "//127.0.0.1:{other}/",
        "///127.0.0.1:{other}/",
        "\\\\127.0.0.1:{other}\\",
        "http:\\\\127.0.0.1:{other}/",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/",
        "http://127.0.0.1:{other}%23@127.0.0.1:{port}/",
        "http://2130706433:{other}/",
        "ftp://127.0.0.1:{other}/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://evil.test/ http://127.0.0.1",
        "http://ev\til.test/",
        "http://é.test/",
    ],
)
async def test_a_redirect_to_an_undeclared_place_is_not_followed(engine: Engine, location: str):
    async with third_party(answer()) as party, third_party(answer()) as other:
        party.answers = (redirect(302, location.format(port=party.port, other=other.port)),)
        with pytest.raises(NotAllowed, match="A redirect was not followed"):
            await send(engine, Request("GET", party.url), grant_to(party.url))

    assert (len(party.requests), other.connections) == (1, 0)


async def test_a_redirect_to_metadata_is_refused_by_its_address_even_when_every_host_is_declared(engine: Engine):
    grant = Grant((AnyHost("any", 0),), addresses=LOOPBACK)
    async with third_party(redirect(302, "http://169.254.169.254/latest/meta-data/")) as party:
        with pytest.raises(NotAllowed, match=r"169\.254\.169\.254 is not on the public internet"):
            await send(engine, Request("GET", party.url), grant)


async def test_a_redirect_that_carries_the_key_to_another_host_is_not_followed(engine: Engine):
    async with third_party(answer()) as party, third_party(answer()) as other:
        party.answers = (redirect(302, f"{other.url}/?api_key={TOKEN}"),)
        grant = grant_to(party.url, other.url, sign_in=ApiKey("api_key", Place.QUERY), apiKey=TOKEN)
        with pytest.raises(NotAllowed, match="with the credentials in the URL") as refused:
            await send(engine, Request("GET", party.url), grant)

    assert other.connections == 0
    assert TOKEN not in refused.value.message


async def test_a_redirect_from_https_to_http_is_not_followed(issuer: Issuer):
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    engine = Engine(resolve=resolve, tls=issuer.trusting())
    async with (
        third_party(answer()) as plain,
        third_party(redirect(302, f"http://api.acme.test:{plain.port}/"), tls=issuer.server("api.acme.test")) as party,
    ):
        grant = grant_to(f"api.acme.test:{party.port}", f"api.acme.test:{plain.port}")
        with pytest.raises(NotAllowed, match="from https to http"):
            await send(engine, Request("GET", f"https://api.acme.test:{party.port}/"), grant)
    await engine.close()

    assert plain.connections == 0


@pytest.fixture
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.found(tmp_path_factory.mktemp("certificates"))


async def test_a_redirect_in_a_circle_ends(engine: Engine):
    async with third_party(redirect(302, "/again")) as party:
        with pytest.raises(NoAnswer, match="redirects more than 5 times"):
            await send(engine, Request("GET", party.url), grant_to(party.url))

    assert len(party.requests) == 6


@pytest.mark.parametrize("said", [answer(b"many", status=300), answer(b"", status=304), answer(b"where?", status=302)])
async def test_a_redirect_that_leads_nowhere_is_an_answer(engine: Engine, said: bytes):
    async with third_party(said) as party:
        response = await send(engine, Request("GET", party.url), grant_to(party.url))

    assert 300 <= response.status < 400


# Signing in


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


# Headers: the third party sees one well-formed request, whatever a connector writes


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


# Secrets


def echoes_of(secret: str) -> dict[str, str]:
    content = secret.encode()
    return {
        "plain": secret,
        "in a word": f"Bearer {secret}!",
        "json": json.dumps({"token": secret}),
        "json, not ascii": json.dumps({"token": secret}, ensure_ascii=False),
        "php json": json.dumps({"token": secret}).replace("/", "\\/"),
        "percent": quote(secret, safe=""),
        "percent, lower case": re.sub(r"%..", lambda found: found[0].lower(), quote(secret, safe="")),
        "path": quote(secret),
        "form": quote_plus(secret),
        "every byte": "".join(f"%{byte:02X}" for byte in content),
        "html": html.escape(secret),
        "hex": content.hex(),
        "HEX": content.hex().upper(),
        "base64": base64.b64encode(content).decode(),
        "urlsafe base64": base64.urlsafe_b64encode(content).decode(),
        "base64, in the middle": base64.b64encode(b"zoe:" + content + b":end").decode(),
        "base64, one further": base64.b64encode(b"zoe12" + content + b"\n").decode(),
        "base64, two further": base64.b64encode(b"zoe123" + content).decode(),
    }


def readings_of(text: str) -> list[str]:
    """Undo what an attacker could undo, to see whether the secret is still in there."""
    readings = [text, html.unescape(text)]
    for part in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        padded = part.replace("-", "+").replace("_", "/")
        for cut in range(4):
            piece = padded[cut:]
            readings.append(base64.b64decode(piece[: len(piece) // 4 * 4]).decode(errors="replace"))
    return readings


@pytest.mark.parametrize("secret", [SECRET, TOKEN, "0123456789abcdef" * 4, "päss/wörd"])
@pytest.mark.parametrize("spelling", list(echoes_of("")))
async def test_an_echoed_secret_is_redacted_in_every_spelling(engine: Engine, secret: str, spelling: str):
    echo = echoes_of(secret)[spelling]
    body = f"before {echo} after".encode()
    header = echo if echo.isascii() else ""
    async with third_party(answer(body, X_Echo=header), answer(gzip.compress(body), Content_Encoding="gzip")) as party:
        grant = grant_to(party.url, sign_in=ApiKey("key", Place.QUERY), apiKey=secret)
        for _ in range(2):
            response = await send(engine, Request("GET", party.url), grant)

            assert MARK in response.text
            assert response.text.startswith("before ")
            assert response.text.endswith(" after")
            for reading in readings_of(response.text + (response.header("X-Echo") or "")):
                assert secret not in reading


async def test_basic_credentials_are_redacted_as_the_pair_they_are_sent_as(engine: Engine):
    pair = base64.b64encode(f"zoe:{TOKEN}".encode())
    async with third_party(answer(b'{"you sent": "Basic ' + pair + b'"}')) as party:
        grant = grant_to(party.url, sign_in=Basic(), username="zoe", password=TOKEN)
        response = await send(engine, Request("GET", party.url), grant)

    assert json.loads(response.body) == {"you sent": f"Basic {MARK}"}


async def test_a_key_in_the_query_is_in_no_url_anybody_sees(engine: Engine):
    async with third_party(redirect(302, f"/next?api_key={TOKEN}"), answer()) as party:
        grant = grant_to(party.url, sign_in=ApiKey("api_key", Place.QUERY), apiKey=TOKEN)
        response = await send(engine, Request("GET", f"{party.url}/a"), grant)

    assert TOKEN.encode() in party.requests[1]
    assert TOKEN not in response.url


def test_a_redactor_reaches_into_json_and_headers_and_requests():
    clean = redactor([TOKEN, ""])

    assert clean.json({"a": [TOKEN, 1, None, {TOKEN: f"x{TOKEN}"}]}) == {"a": [MARK, 1, None, {MARK: f"x{MARK}"}]}
    headers: Headers = (("Authorization", f"Bearer {TOKEN}"),)
    request = clean.request(Request("GET", f"https://a.test/?k={TOKEN}", headers, TOKEN.encode()))
    assert TOKEN not in repr(request)


def test_a_short_secret_is_left_alone_and_a_longer_one_goes_first():
    assert redactor(["abc"]).text("abcdef") == "abcdef"
    assert redactor(["secret", "secret-and-more"]).text("secret-and-more secret") == f"{MARK} {MARK}"


def test_credentials_are_not_in_the_repr_of_a_grant():
    grant = grant_to("api.acme.test", sign_in=Bearer(), accessToken=TOKEN)

    assert TOKEN not in repr(grant)


async def test_every_name_under_localhost_is_this_machine():
    assert await system_resolver("mugs.localhost", 80) == ["127.0.0.1"]
