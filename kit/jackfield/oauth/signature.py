"""Signs requests the OAuth 1 way (RFC 5849): HMAC-SHA1, HMAC-SHA256 or RSA-SHA1, in the Authorization header."""
# authlib's functions have no types for what they take:
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth1.rfc5849.parameters import prepare_headers
from authlib.oauth1.rfc5849.signature import (
    construct_base_string,
    hmac_sha1_signature,
    rsa_sha1_signature,
)
from authlib.oauth1.rfc5849.util import escape

from jackfield.credentials import Credentials, with_header
from jackfield.exchange import Request
from jackfield.oauth.clients import Client
from jackfield.oauth.errors import InvalidClient
from jackfield.oauth.ways import OAuth1, SignatureMethod

_FORM = "application/x-www-form-urlencoded"
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Stamp:
    """What makes a signature good for one request only. `timestamp` is in whole seconds since 1970."""

    nonce: str
    timestamp: int

    @classmethod
    def now(cls) -> Stamp:
        return cls(secrets.token_hex(16), int(time.time()))


@dataclass(frozen=True)
class Token:
    """A temporary or an access token, and the secret that signs with it. The first request of all has neither."""

    token: str = ""
    secret: str = field(default="", repr=False)


def sign_for_api(way: OAuth1, request: Request, credentials: Credentials) -> Request:
    """Return the request signed with stored credentials. Raises KeyError when one of their texts is missing."""
    client = Client(credentials["clientId"], credentials["clientSecret"])
    return sign(way, request, client, Token(credentials["accessToken"], credentials["accessTokenSecret"]))


def sign(
    way: OAuth1,
    request: Request,
    client: Client,
    token: Token,
    stamp: Stamp | None = None,
    **more: str,
) -> Request:
    """Return the request with its signature. `more` are further protocol parameters: `oauth_callback="…"`.

    Raises InvalidClient when the client's private key is none.
    """
    stamp = stamp or Stamp.now()
    protocol = {
        "oauth_consumer_key": client.client_id,
        "oauth_token": token.token,
        "oauth_signature_method": way.signature.value,
        "oauth_timestamp": str(stamp.timestamp),
        "oauth_nonce": stamp.nonce,
        "oauth_version": "1.0",
        **more,
    }
    said = [(name, value) for name, value in protocol.items() if value]
    text = _base_string(request, said)
    signature = ("oauth_signature", _signature(way.signature, text, client, token))
    headers = cast("dict[str, str]", prepare_headers([*said, signature], realm=way.realm))
    return with_header(request, "Authorization", headers["Authorization"])


def _base_string(request: Request, protocol: Pairs) -> str:
    pairs = [*parse_qsl(urlsplit(request.url).query, keep_blank_values=True), *_form_pairs(request), *protocol]
    # authlib takes values of oauth_… parameters for percent-encoded, and would decode what only looks so.
    encoded = [(name, escape(value) if name.startswith("oauth_") else value) for name, value in pairs]
    text: str = construct_base_string(request.method, request.url, encoded)
    return text


def _form_pairs(request: Request) -> Pairs:
    """Return the body's parameters when it is a form: only then they are part of the signature."""
    types = [value for name, value in request.headers if name.lower() == "content-type"]
    if not types or types[0].partition(";")[0].strip().lower() != _FORM:
        return []
    return parse_qsl(request.body.decode("utf-8", errors="replace"), keep_blank_values=True)


def _signature(method: SignatureMethod, text: str, client: Client, token: Token) -> str:
    if method is SignatureMethod.RSA_SHA1:
        return _rsa_signature(text, client)
    if method is SignatureMethod.HMAC_SHA1:
        signature: str = hmac_sha1_signature(text, client.client_secret, token.secret)
        return signature
    key = f"{escape(client.client_secret)}&{escape(token.secret)}"
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _rsa_signature(text: str, client: Client) -> str:
    try:
        signature: str = rsa_sha1_signature(text, client.client_secret)
    except (ValueError, TypeError, AttributeError):
        # The cause could quote the key.
        raise InvalidClient(
            "The OAuth client's secret must be an RSA private key in PEM, without a password, to sign with RSA-SHA1."
        ) from None
    return signature
