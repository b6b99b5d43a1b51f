"""Whom a storm of renewals asks: our own fake provider, or the real oidc-provider behind a slow token endpoint."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import parse_qs

from examples.servers.oidc import IN_HEADER, REDIRECT_URI, RunningProvider, running_provider, sign_in, way_to
from examples.servers.plain_http import send
from jackfield.exchange import JsonObject, Request
from jackfield.oauth.clients import Client
from jackfield.oauth.ways import OAuth2Code
from jackfield.testing_oauth import FakeOAuthProvider, Habits
from tests.hub.signed_in import consented


class TokenProvider(Protocol):
    """What a storm wants of a provider that rotates refresh tokens and ends a sign-in when one comes twice."""

    url: str
    client: Client

    def way(self) -> OAuth2Code:
        """Return how one signs in there, and where tokens are renewed."""
        ...

    def consented(self) -> JsonObject:
        """Return the credentials of somebody who has just agreed."""
        ...

    def take_longer(self, seconds: float) -> None:
        """Answer so much later from now on: the tokens are rotated by then, and only the answer knows the new ones."""
        ...

    def renewals(self) -> int:
        """Return how many refresh tokens were exchanged for new tokens."""
        ...

    def reuses(self) -> int:
        """Return how many refresh tokens came that had come before."""
        ...

    def lost_grants(self) -> int:
        """Return how many sign-ins the provider has ended."""
        ...

    def accepts(self, access_token: str) -> bool:
        """Whether this access token is good."""
        ...


@contextmanager
def provider_named(name: str, access_seconds: float) -> Generator[TokenProvider]:
    """Run the "fake" provider, or the "real" one, whose access tokens live whole seconds."""
    if name == "fake":
        with FakeOAuthProvider(Habits(access_token_seconds=access_seconds)) as fake:
            yield FakeOne(fake)
        return
    with running_provider(REDIRECT_URI, round(access_seconds)) as real, _slow_endpoint(f"{real.origin}/token") as slow:
        yield RealOne(real, slow)


class FakeOne:
    """The provider of the kit's testing tools."""

    def __init__(self, fake: FakeOAuthProvider) -> None:
        self._fake = fake
        self.url, self.client = fake.url, fake.client

    def way(self) -> OAuth2Code:
        return self._fake.way(scopes=("read",))

    def consented(self) -> JsonObject:
        return consented(self._fake)

    def take_longer(self, seconds: float) -> None:
        self._fake.habits.token_delay_seconds = seconds

    def renewals(self) -> int:
        return self._fake.refreshes

    def reuses(self) -> int:
        return self._fake.reuses_seen

    def lost_grants(self) -> int:
        return 1 - self._fake.grants_alive

    def accepts(self, access_token: str) -> bool:
        return _is_accepted(self._fake.resource_url, access_token)


class RealOne:
    """oidc-provider. What it did with refresh tokens it says itself; what was sent to it, the slow endpoint saw."""

    def __init__(self, real: RunningProvider, endpoint: SlowEndpoint) -> None:
        self._real, self._endpoint = real, endpoint
        self.url, self.client = real.origin, IN_HEADER

    def way(self) -> OAuth2Code:
        return way_to(self.url, token_url=f"http://127.0.0.1:{self._endpoint.server_port}/token")

    def consented(self) -> JsonObject:
        return sign_in(self.url, self.client)[1]

    def take_longer(self, seconds: float) -> None:
        self._endpoint.delay_seconds = seconds

    def renewals(self) -> int:
        return self._real.events.count("refresh_token.consumed")

    def reuses(self) -> int:
        return len(self._endpoint.refresh_tokens) - len(set(self._endpoint.refresh_tokens))

    def lost_grants(self) -> int:
        return self._real.events.count("grant.revoked")

    def accepts(self, access_token: str) -> bool:
        return _is_accepted(f"{self.url}/me", access_token)


class SlowEndpoint(ThreadingHTTPServer):
    """Passes token requests on at once, and their answers later."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, token_url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.token_url = token_url
        self.delay_seconds = 0.0
        self.refresh_tokens: list[str] = []
        self.is_stopping = threading.Event()


class _Passing(BaseHTTPRequestHandler):
    """One connection to the slow endpoint."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, SlowEndpoint)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.refresh_tokens += parse_qs(body.decode()).get("refresh_token", [])
        passed_on = tuple((name, self.headers[name] or "") for name in ("Authorization", "Content-Type"))
        answer = send(Request("POST", self.server.token_url, passed_on, body))
        self.server.is_stopping.wait(self.server.delay_seconds)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.header("Content-Type") or "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def _slow_endpoint(token_url: str) -> Generator[SlowEndpoint]:
    with SlowEndpoint(token_url) as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield endpoint
        finally:
            endpoint.is_stopping.set()
            endpoint.shutdown()
            thread.join()


def _is_accepted(url: str, access_token: str) -> bool:
    return send(Request("GET", url, (("Authorization", f"Bearer {access_token}"),))).status == 200
