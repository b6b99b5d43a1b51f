"""The fake provider as tests see it: where it listens, what it saw, and what it shall do next."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import orjson

from jackfield.exchange import JsonObject, Response
from jackfield.oauth.clients import Client
from jackfield.oauth.ways import OAuth2ClientCredentials, OAuth2Code, OAuth2Password
from jackfield.testing_oauth.grants import Grants, Habits, Refusal
from jackfield.testing_oauth.pages import Pages, PagesServer


@dataclass(frozen=True)
class SeenTokenRequest:
    """One request to the token endpoint: what was asked, and what came of it. `at` is in seconds since 1970."""

    grant_type: str
    parameters: Mapping[str, str] = field(repr=False)
    status: int
    error: str  #: "" when tokens were given
    at: float


class FakeOAuthProvider:
    """An OAuth 2 provider on a free port of this machine, while the `with` block runs.

    Its client is `provider.client`; the people who can sign in with a password are `users`, `{"alice": "wonderland"}`.
    Redirect URIs are compared with `redirect_uris` when there are any.
    """

    def __init__(
        self,
        habits: Habits | None = None,
        *,
        client: Client | None = None,
        users: Mapping[str, str] | None = None,
        redirect_uris: tuple[str, ...] = (),
    ) -> None:
        # The secret has what base64 and forms spell differently: mistakes there should show.
        self.client = client or Client("fake-client", "s3cr+t/=&%?")
        self.redirect_uris = redirect_uris
        self.token_requests: list[SeenTokenRequest] = []
        self._grants = Grants(self.client, users or {"alice": "wonderland"}, habits or Habits())
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._answers_to_come: deque[Response] = deque()
        self._answers_to_lose = 0

    def __enter__(self) -> FakeOAuthProvider:
        self._server = PagesServer(("127.0.0.1", 0), Pages, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def habits(self) -> Habits:
        """How it behaves. Change its members at any time."""
        return self._grants.habits

    # Where it is

    @property
    def url(self) -> str:
        """The origin, which is the issuer, too: `http://127.0.0.1:40123`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def authorize_url(self) -> str:
        return f"{self.url}/authorize"

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    @property
    def resource_url(self) -> str:
        """Answers `{"subject": "alice", "scopes": [...]}` to a good bearer token, and 401 to any other."""
        return f"{self.url}/resource"

    def way(self, **settings: Any) -> OAuth2Code:
        """Return the way to sign in here with a code; keywords change what they name."""
        said: dict[str, Any] = {
            "authorize_url": self.authorize_url,
            "token_url": self.token_url,
            "issuer": self.url,
            "client_place": self.habits.client_place,
        }
        return OAuth2Code(**{**said, **settings})

    def password_way(self, **settings: Any) -> OAuth2Password:
        """Return the way to sign in here with a name and password."""
        return OAuth2Password(token_url=self.token_url, client_place=self.habits.client_place, **settings)

    def machine_way(self, **settings: Any) -> OAuth2ClientCredentials:
        """Return the way to sign in here as the client itself."""
        return OAuth2ClientCredentials(token_url=self.token_url, client_place=self.habits.client_place, **settings)

    # What it saw

    @property
    def refreshes(self) -> int:
        """How many times a refresh token was exchanged for new tokens."""
        return self._grants.refreshes

    @property
    def reuses_seen(self) -> int:
        """How many times a refresh token came that had been used before."""
        return self._grants.reuses_seen

    @property
    def grants_alive(self) -> int:
        """How many sign-ins have not ended."""
        return sum(grant.is_alive for grant in self._grants.grants)

    # What it shall do

    def consent(self, authorization_url: str) -> str:
        """Agree, as a person in a browser would, and return the URL the browser is sent back to.

        Raises AssertionError when the provider does not send it back: the client or its redirect URI is unknown.
        """
        response = self._open("GET", authorization_url)
        if response.status == 200:
            response = self._open("POST", authorization_url, b"decision=allow")
        location = response.header("Location")
        assert location is not None, f"the provider refused: {response.text}"
        return location

    def expire_access_tokens(self) -> None:
        """End all access tokens now. Refresh tokens stay good."""
        with self._lock:
            self._grants.access_tokens.clear()

    def revoke_everything(self) -> None:
        """End all sign-ins, as when people withdraw their consent."""
        with self._lock:
            for grant in self._grants.grants:
                grant.is_alive = False

    def answer_next_with(self, status: int, body: JsonObject | str, headers: Mapping[str, str] | None = None) -> None:
        """Let the next token request fail so, without looking at it. Call it several times for several requests."""
        content = body.encode() if isinstance(body, str) else orjson.dumps(body)
        self._answers_to_come.append(Response(status, tuple((headers or {}).items()), content))

    def lose_next_answer(self) -> None:
        """Let the next token request do its work, and hang up instead of answering."""
        with self._lock:
            self._answers_to_lose += 1

    # What its pages ask it

    def authorize(self, query: Mapping[str, str]) -> str:
        """Return a code for an authorization request that was agreed to. Raises Refusal."""
        with self._lock:
            return self._grants.new_code("alice", query)

    def is_welcome(self, query: Mapping[str, str]) -> bool:
        """Whether the browser may be sent back where the request says."""
        redirect_uri = query.get("redirect_uri", "")
        is_known = redirect_uri in self.redirect_uris or not self.redirect_uris
        return query.get("client_id") == self.client.client_id and bool(redirect_uri) and is_known

    def exchange(self, shown: Client | None, parameters: Mapping[str, str]) -> Response | None:
        """Return the answer to a token request, or None when it shall be lost.

        `shown` is the client the request showed itself as, or None when it did not.
        """
        with self._lock:
            response, error = self._judge(shown, parameters)
            seen = SeenTokenRequest(parameters.get("grant_type", ""), parameters, response.status, error, time.time())
            self.token_requests.append(seen)
            is_lost = self._answers_to_lose > 0
            self._answers_to_lose -= is_lost
        self._is_stopping.wait(self.habits.token_delay_seconds)
        return None if is_lost else response

    def read_resource(self, access_token: str) -> JsonObject | None:
        """Return what the protected resource shows, or None when the token is not good."""
        with self._lock:
            grant = self._grants.owner_of(access_token)
            return None if grant is None else {"subject": grant.subject, "scopes": list(grant.scopes)}

    def _judge(self, shown: Client | None, parameters: Mapping[str, str]) -> tuple[Response, str]:
        if self._answers_to_come:
            response = self._answers_to_come.popleft()
            return response, f"HTTP {response.status}"
        try:
            if shown != self.client:
                raise Refusal("invalid_client", "wrong client, or shown in the wrong place", 401)
            return Response(200, body=orjson.dumps(self._grants.answer(parameters))), ""
        except Refusal as refusal:
            body = orjson.dumps({"error": refusal.code, "error_description": refusal.description})
            return Response(200 if self.habits.refuses_with_200 else refusal.status, body=body), refusal.code

    def _open(self, method: str, url: str, body: bytes = b"") -> Response:
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == self.url, f"{url} is not at this provider"
        connection = HTTPConnection(parts.netloc, timeout=30)
        try:
            connection.request(method, f"{parts.path}?{parts.query}", body or None)
            answer = connection.getresponse()
            return Response(answer.status, tuple(answer.getheaders()), answer.read(), url)
        finally:
            connection.close()
