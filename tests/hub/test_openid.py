"""Signing in at an OpenID provider: a small one on a real socket, which can be told to lie."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from aiohttp import web

from jackfield_hub.hub import Hub
from tests.hub.people import Answer, Person

CLIENT, SECRET = "the-hub", "s3cret-of-the-hub"
HOUR_SECONDS = 3600.0


@dataclass
class Provider:
    """Vouches for whoever comes. `claims` are put over what an honest one would say."""

    url: str = ""
    now: float = 0.0
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    issuer: str = ""

    async def describe(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer or self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
            }
        )

    async def give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        verifier = str(form["code_verifier"])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if challenge != self.asked["code_challenge"][0] or request.headers["Authorization"] != f"Basic {basic}":
            return web.json_response({"error": "invalid_grant"}, status=400)
        said = {
            "iss": self.url,
            "aud": CLIENT,
            "exp": self.now + HOUR_SECONDS,
            "nonce": self.asked["nonce"][0],
            "email": "alice@example.com",
            "email_verified": True,
        }
        claims = base64.urlsafe_b64encode(orjson.dumps({**said, **self.claims})).decode().rstrip("=")
        return web.json_response({"access_token": "a", "token_type": "Bearer", "id_token": f"e30.{claims}.c2ln"})


@pytest.fixture
async def provider(hub: Hub) -> AsyncGenerator[Provider]:
    provider = Provider(now=hub.clock())
    application = web.Application()
    application.router.add_get("/.well-known/openid-configuration", provider.describe)
    application.router.add_post("/token", provider.give_token)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    said = {"openid_issuer": provider.url, "openid_client_id": CLIENT, "openid_client_secret": SECRET}
    hub.settings = hub.settings.model_copy(update=said)
    yield provider
    await runner.cleanup()


@pytest.fixture
def browser(alice: Person) -> Person:
    return alice.without_token()


async def go(browser: Person, path: str, cookie: str = "") -> Answer:
    """Open an address and follow nothing."""
    headers = {"Cookie": cookie} if cookie else {}
    async with browser.session.get(path, headers=headers, allow_redirects=False) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


async def leave(browser: Person, provider: Provider) -> str:
    """Set out to the provider, and return the cookie."""
    left = await go(browser, "/sign-in/openid?next=/docs")
    assert left.status == 303, left.body
    assert left.headers["Location"].startswith(f"{provider.url}/authorize?")
    provider.asked = parse_qs(urlsplit(left.headers["Location"]).query)
    return left.headers["Set-Cookie"].partition(";")[0]


async def come_back(browser: Person, provider: Provider, cookie: str, **query: str) -> Answer:
    said = {"code": "c-1", "state": provider.asked["state"][0], **query}
    return await go(browser, "/sign-in/openid/callback?" + "&".join(f"{k}={v}" for k, v in said.items()), cookie)


async def test_a_member_signs_in_at_the_provider(browser: Person, provider: Provider) -> None:
    page = await browser.get("/sign-in?next=/docs")
    assert b"Sign in at 127.0.0.1" in page.body

    cookie = await leave(browser, provider)
    back = await come_back(browser, provider, cookie)

    assert (back.status, back.headers["Location"]) == (303, "/docs")
    session = back.headers["Set-Cookie"].partition(";")[0]
    assert (await browser.get("/v1/me", Cookie=session)).json["email"] == "alice@example.com"
    assert provider.asked["scope"] == ["openid email"]
    assert provider.asked["redirect_uri"][0].endswith("/sign-in/openid/callback")


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://another.example"},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"azp": "another-client"},
        {"exp": 1000.0},
        {"exp": None},
        {"nonce": "another"},
        {"nonce": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"email": "nobody@example.com"},
    ],
    ids=str,
)
async def test_what_cannot_be_believed_signs_nobody_in(
    browser: Person, provider: Provider, lie: dict[str, Any]
) -> None:
    provider.claims = lie

    back = await come_back(browser, provider, await leave(browser, provider))

    assert back.status == 403
    assert "jackfield-session=" not in str(back.headers)
    assert b'role="alert"' in back.body


async def test_a_callback_nobody_started_here_is_refused(browser: Person, provider: Provider) -> None:
    cookie = await leave(browser, provider)

    answers = [
        await come_back(browser, provider, ""),
        await come_back(browser, provider, "jackfield-openid=nonsense"),
        await come_back(browser, provider, cookie, state="another"),
        await come_back(browser, provider, cookie, error="access_denied"),
    ]

    assert [answer.status for answer in answers] == [403] * 4


async def test_another_browsers_verifier_is_of_no_use(browser: Person, provider: Provider) -> None:
    first = await leave(browser, provider)
    state = provider.asked["state"][0]
    await leave(browser, provider)

    assert (await come_back(browser, provider, first, state=state)).status == 403


async def test_a_provider_that_is_another_is_said_on_the_page(browser: Person, provider: Provider) -> None:
    provider.issuer = "https://another.example"

    answer = await go(browser, "/sign-in/openid")

    assert (answer.status, b"does not describe itself" in answer.body) == (403, True)


async def test_without_a_provider_there_is_no_such_page(browser: Person) -> None:
    assert (await go(browser, "/sign-in/openid")).status == 404
    assert b"Sign in at" not in (await browser.get("/sign-in")).body
