"""Redirects: where the engine follows them, with what, and where it does not."""

from __future__ import annotations

import base64
import re

import pytest

from jackfield.auth import ApiKey, Basic, Bearer, Place, SignIn
from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.policy import HostRule, Target
from jackfield.errors import NoAnswer, NotAllowed
from jackfield.exchange import Request
from tests.kit.engines import LOOPBACK, grant_to, issuer, send, usual_engine
from tests.kit.misbehaving import Issuer, answer, redirect, third_party

__all__ = ["issuer", "usual_engine"]  # fixtures


SECRET = 'sk_live/Zoë+"51&<x>=='
TOKEN = "tok-4f9a1c77d2e0b8"


class AnyHost(HostRule):
    """A connector that declared the whole internet."""

    def matches(self, target: Target) -> bool:
        return True


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
