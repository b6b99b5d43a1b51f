"""oidc-provider, at which one signs in with OpenID Connect. Its refresh tokens work once.

It is from npm, and shares no code and no assumptions with us.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from jackfield.exchange import Request, Response
from jackfield.oauth import Client, OAuth2Code
from jackfield.oauth.authorization import authorization_url, new_state, new_verifier, read_callback
from jackfield.oauth.token_answers import read_token_answer
from jackfield.oauth.token_requests import code_request

from examples.servers.plain_http import send
from examples.servers.process import MODULES, NODE, Server, ServerDidNotStart

SETTINGS = Path(__file__).with_suffix(".mjs")
IS_THERE = (MODULES / "oidc-provider").is_dir()
WHY_NOT = "oidc-provider is not installed: make .venv-services/node/.installed"

REDIRECT_URI = "http://127.0.0.1:9/back"
SECRET = "s3cr+t/=&%?"
IN_HEADER = Client("in-header", SECRET)
OLD_FASHIONED = Client("old-fashioned", SECRET)  # may exchange a name and a password for a token
PASSWORD = "wonder+land/=&%? ü"  # alice's
ACCESS_SECONDS = 3
MACHINE = {"clientId": "machine", "clientSecret": "m: ch+ne%2B"}  # a client that may sign in as itself


@dataclass
class RunningProvider:
    """Where it is, which is its issuer, too; and what it says has happened, such as `grant.revoked`."""

    origin: str
    events: list[str] = field(default_factory=list[str])


@contextmanager
def running_provider(redirect_uri: str, access_seconds: int) -> Generator[RunningProvider]:
    """Run it on a free port until the block ends."""
    command = [str(NODE), str(SETTINGS), str(MODULES), redirect_uri, str(access_seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdin is not None
        assert process.stdout is not None
        news = process.stdout
        # Warnings about a test's settings may come first.
        line = next(line for line in news if line.startswith("{"))
        provider = RunningProvider(f"http://127.0.0.1:{json.loads(line)['port']}")
        listening = threading.Thread(
            target=lambda: provider.events.extend(json.loads(one)["event"] for one in news if one.startswith("{")),
            daemon=True,
        )
        listening.start()
        try:
            yield provider
        finally:
            process.stdin.close()
            listening.join(10)


@contextmanager
def oidc_provider(redirect_uri: str, access_seconds: int) -> Generator[str]:
    """Run it on a free port; yield where it is."""
    with running_provider(redirect_uri, access_seconds) as provider:
        yield provider.origin


def way_to(origin: str, **settings: Any) -> OAuth2Code:
    said: dict[str, Any] = {
        "authorize_url": f"{origin}/auth",
        "token_url": f"{origin}/token",
        "issuer": origin,
        "scopes": ["openid", "offline_access"],
        # The provider gives refresh tokens only to those who ask for consent in so many words.
        "authorize_parameters": {"prompt": "consent"},
    }
    return OAuth2Code(**{**said, **settings})


@dataclass
class Browser:
    """What is needed of one: cookies, forms and redirects."""

    cookies: dict[str, str] = field(default_factory=dict[str, str])

    def open(self, url: str, form: dict[str, str] | None = None) -> Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = (("Cookie", cookies), ("Content-Type", "application/x-www-form-urlencoded"))
        body = urlencode(form).encode() if form else b""
        answer = send(Request("POST" if form else "GET", url, headers, body))
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                cookie, _, text = value.partition(";")[0].partition("=")
                self.cookies[cookie] = text
        return answer

    def follow(self, url: str, form: dict[str, str] | None = None) -> str:
        """Return where the page sends the browser."""
        answer = self.open(url, form)
        location = answer.header("Location")
        assert location is not None, (answer.status, answer.text)
        return urljoin(url, location)

    def consent(self, url: str, *, denies: bool = False) -> str:
        """Sign in as alice and agree, or not; return the URL the browser is sent back to."""
        login = self.follow(url)
        if login.startswith(REDIRECT_URI):
            return login
        if denies:
            return self.follow(self.follow(f"{login}/abort"))
        resumed = self.follow(login, {"prompt": "login", "login": "alice", "password": "any"})
        consent_page = self.follow(resumed)
        return self.follow(self.follow(consent_page, {"prompt": "consent"}))


def sign_in(origin: str, client: Client, **settings: Any) -> tuple[OAuth2Code, dict[str, Any]]:
    way, state, verifier = way_to(origin, **settings), new_state(), new_verifier()
    url = authorization_url(way, client, redirect_uri=REDIRECT_URI, state=state, verifier=verifier)
    callback = Browser().consent(url)
    code = read_callback(urlsplit(callback).query, state=state, issuer=way.issuer)
    request = code_request(way, client, code=code, redirect_uri=REDIRECT_URI, verifier=verifier)
    return way, read_token_answer(way, send(request), time.time()).merged_into({})


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a provider at which alice has signed in until the block ends; her tokens end after `ACCESS_SECONDS`."""
    if not IS_THERE:
        raise ServerDidNotStart(WHY_NOT)
    with oidc_provider(REDIRECT_URI, ACCESS_SECONDS) as url:
        _, credentials = sign_in(url, IN_HEADER)
        app = {"clientId": IN_HEADER.client_id, "clientSecret": IN_HEADER.client_secret}
        yield Server(url, {"provider": url}, {**credentials, **app})
