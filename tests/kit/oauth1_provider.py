"""An OAuth 1 provider whose every judgement is oauthlib's: it shares no code with what it judges."""
# oauthlib's stubs do not let a validator be as short as oauthlib does:
# pyright: reportIncompatibleMethodOverride=false, reportAssignmentType=false

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

from oauthlib.oauth1 import (
    AccessTokenEndpoint,
    AuthorizationEndpoint,
    RequestTokenEndpoint,
    RequestValidator,
    ResourceEndpoint,
)


@dataclass
class Known(RequestValidator):
    """What the provider remembers. Texts have characters that a careless base string gets wrong."""

    client_key: str = "shop & söhne"
    client_secret: str = "s3cr+t/=&%?"
    rsa_public_key: str = ""
    temporary: dict[str, str] = field(default_factory=dict)
    callbacks: dict[str, str] = field(default_factory=dict)
    verifiers: dict[str, str] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    nonces: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    enforce_ssl = False
    allowed_signature_methods = ("HMAC-SHA1", "HMAC-SHA256", "RSA-SHA1")
    dummy_client = dummy_request_token = dummy_access_token = "dummy"

    # Nonces, keys and tokens: any text will do here, only the signature matters.
    def check_client_key(self, client_key: str) -> bool:
        return True

    check_request_token = check_access_token = check_client_key

    def check_nonce(self, nonce: str) -> bool:
        return len(nonce) >= 20

    def check_verifier(self, verifier: str) -> bool:
        return True

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return self.client_secret

    def get_rsa_key(self, client_key: str, request: Any) -> str:
        return self.rsa_public_key

    def get_request_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self.temporary.get(token, "")

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self.access.get(token, "")

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == self.client_key

    def validate_request_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self.temporary

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self.access

    def validate_timestamp_and_nonce(self, client_key: str, timestamp: str, nonce: str, *_: Any, **__: Any) -> bool:
        is_new = (timestamp, nonce) not in self.nonces
        self.nonces.add((timestamp, nonce))
        return is_new

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Any) -> bool:
        return redirect_uri.startswith("https://hub.example/")

    def validate_requested_realms(self, client_key: str, realms: list[str], request: Any) -> bool:
        return True

    def validate_realms(self, *_: Any, **__: Any) -> bool:
        return True

    def get_default_realms(self, client_key: str, request: Any) -> list[str]:
        return []

    get_realms = get_default_realms

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Any) -> bool:
        return self.verifiers.get(token) == verifier

    def verify_request_token(self, token: str, request: Any) -> bool:
        return token in self.temporary

    def verify_realms(self, token: str, realms: list[str], request: Any) -> bool:
        return True

    def get_redirect_uri(self, token: str, request: Any) -> str:
        return self.callbacks[token]

    def save_request_token(self, token: dict[str, str], request: Any) -> None:
        self.temporary[token["oauth_token"]] = token["oauth_token_secret"]
        self.callbacks[token["oauth_token"]] = request.redirect_uri

    def save_verifier(self, token: str, verifier: dict[str, str], request: Any) -> None:
        self.verifiers[token] = verifier["oauth_verifier"]

    def save_access_token(self, token: dict[str, str], request: Any) -> None:
        self.access[token["oauth_token"]] = token["oauth_token_secret"]

    def invalidate_request_token(self, client_key: str, request_token: str, request: Any) -> None:
        del self.temporary[request_token]


class _Handler(BaseHTTPRequestHandler):
    known: Known
    origin: str

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers, text, status = self._judge(self.origin + self.path, body, dict(self.headers.items()))
        content = (text or "").encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _judge(self, uri: str, body: str, headers: dict[str, str]) -> tuple[dict[str, str], str, int]:
        asked: tuple[Any, ...] = (uri, self.command, body, headers)
        match urlsplit(uri).path:
            case "/request":
                return RequestTokenEndpoint(self.known).create_request_token_response(*asked)
            case "/authorize":
                return AuthorizationEndpoint(self.known).create_authorization_response(*asked)
            case "/access":
                return AccessTokenEndpoint(self.known).create_access_token_response(*asked)
            case _:
                is_valid, _ = ResourceEndpoint(self.known).validate_protected_resource_request(*asked)
                return {}, urlencode({"signed": is_valid}), 200 if is_valid else 401

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class calls it so)
        """Say nothing."""


@contextmanager
def oauth1_provider() -> Generator[tuple[str, Known]]:
    """Yield the provider's origin and what it knows."""
    known = Known()
    handler: type[_Handler] = type("Handler", (_Handler,), {"known": known})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield handler.origin, known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
