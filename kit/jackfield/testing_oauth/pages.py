"""The fake provider's HTTP: /authorize for browsers, /token for clients, /resource for everybody with a token."""

from __future__ import annotations

import base64
import binascii
import html
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import orjson

from jackfield.credentials import with_query
from jackfield.exchange import Response
from jackfield.oauth.clients import Client, ClientPlace
from jackfield.testing_oauth.grants import Refusal

if TYPE_CHECKING:
    from jackfield.testing_oauth.provider import FakeOAuthProvider

_CONSENT_PAGE = """<!doctype html><title>Fake provider</title>
<h1>May {client} act for you?</h1><p>It asks for: {scope}</p>
<form method="post" action="{action}"><button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></form>"""


class PagesServer(ThreadingHTTPServer):
    """The listening side of one provider."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512  # a test may come with hundreds of callers at once

    def __init__(self, address: tuple[str, int], pages: type[BaseHTTPRequestHandler], provider: FakeOAuthProvider):
        super().__init__(address, pages)
        self.provider = provider


class Pages(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    @property
    def provider(self) -> FakeOAuthProvider:
        return cast("PagesServer", self.server).provider

    def do_GET(self) -> None:
        match urlsplit(self.path).path:
            case "/authorize":
                self._show_consent()
            case "/resource":
                self._show_resource()
            case _:
                self._send(404, b"not here")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match urlsplit(self.path).path:
            case "/authorize":
                self._decide(dict(parse_qsl(body.decode())).get("decision", ""))
            case "/token":
                self._exchange(body)
            case _:
                self._send(404, b"not here")

    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def _show_consent(self) -> None:
        if not self.provider.habits.asks_for_consent:
            return self._decide("allow")
        query = self._query()
        texts = {"client": query.get("client_id", ""), "scope": query.get("scope", ""), "action": self.path}
        page = _CONSENT_PAGE.format(**{name: html.escape(text) for name, text in texts.items()})
        return self._send(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def _decide(self, decision: str) -> None:
        query = self._query()
        if not self.provider.is_welcome(query):
            # An open redirector otherwise: an unknown address is told to the person, never followed.
            return self._send(400, b"unknown client_id or redirect_uri")
        try:
            if decision != "allow":
                raise Refusal("access_denied", "the person said no")
            said = {"code": self.provider.authorize(query)}
        except Refusal as refusal:
            said = {"error": refusal.code, "error_description": refusal.description}
        if "state" in query:
            said["state"] = query["state"]
        if self.provider.habits.names_itself:
            said["iss"] = self.provider.url
        return self._send(303, b"", {"Location": with_query(query["redirect_uri"], said)})

    def _exchange(self, body: bytes) -> None:
        parameters = self._parameters(body)
        response = self.provider.exchange(self._shown_client(parameters), parameters)
        if response is None:
            self.close_connection = True
            return
        self._send_tokens(response)

    def _parameters(self, body: bytes) -> dict[str, str]:
        if "json" in (self.headers.get("Content-Type") or ""):
            return {name: str(value) for name, value in orjson.loads(body).items()}
        return dict(parse_qsl(body.decode(), keep_blank_values=True))

    def _shown_client(self, parameters: dict[str, str]) -> Client | None:
        """Return the client the request shows itself as, or None when that is not where this provider looks."""
        place = self.provider.habits.client_place
        scheme, _, pair = (self.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() == "basic":
            return None if place is ClientPlace.BODY else _client_of(pair, is_encoded=place is ClientPlace.HEADER)
        secret = parameters.get("client_secret", "")
        if secret and place is not ClientPlace.BODY:
            return None
        return Client(parameters.get("client_id", ""), secret)

    def _send_tokens(self, response: Response) -> None:
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **dict(response.headers)}
        if not self.provider.habits.answers_forms:
            return self._send(response.status, response.body, headers)
        form = urlencode(orjson.loads(response.body)).encode()
        return self._send(response.status, form, {**headers, "Content-Type": "application/x-www-form-urlencoded"})

    def _show_resource(self) -> None:
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        shown = self.provider.read_resource(token) if scheme.lower() == "bearer" else None
        if shown is None:
            return self._send(401, b'{"error":"invalid_token"}', {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return self._send(200, orjson.dumps(shown), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class calls it so)
        """Say nothing: the tests look at `provider.token_requests`."""


def _client_of(pair: str, *, is_encoded: bool) -> Client | None:
    try:
        client_id, _, secret = base64.b64decode(pair, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Client(unquote_plus(client_id), unquote_plus(secret)) if is_encoded else Client(client_id, secret)
