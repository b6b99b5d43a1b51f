"""Signing in at the OpenID provider this hub is configured with: there with the authorization code flow and PKCE, back
with an e-mail address the provider vouches for.

The ID token comes from the token endpoint itself, over a connection we made, so its signature would tell us nothing
more (OpenID Connect Core 3.1.3.7, point 6). Everything else it says is checked.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import orjson

from jackfield.egress.grant import Grant
from jackfield.egress.policy import HostRule, parse_url
from jackfield.errors import OperationError
from jackfield.exchange import JsonObject, Request
from jackfield.oauth.authorization import authorization_url, new_state, new_verifier, read_callback
from jackfield.oauth.clients import Client
from jackfield.oauth.errors import CallbackRefused
from jackfield.oauth.token_requests import code_request
from jackfield.oauth.ways import OAuth2Code
from jackfield_hub.errors import Refused
from jackfield_hub.hub import Hub

CALLBACK_PATH = "/sign-in/openid/callback"
WAY_SECONDS = 600.0  # how long somebody may take at the provider
PROVIDER_SECONDS = 20.0
SKEW_SECONDS = 60.0
_DISCOVERY = "/.well-known/openid-configuration"


class NotVouchedFor(Refused):
    """The OpenID provider did not say who somebody is, or not in a way that can be believed."""

    status = 403
    code = "not_vouched_for"


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """What we must know again when somebody comes back. It is kept in a cookie of their browser."""

    state: str
    verifier: str
    nonce: str
    go_on: str

    def to_cookie(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(asdict(self))).decode().rstrip("=")

    @classmethod
    def from_cookie(cls, text: str) -> OnTheWay:
        """Return what a cookie says. Raises NotVouchedFor."""
        try:
            return cls(**orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
        except (binascii.Error, ValueError, TypeError):
            raise NotVouchedFor("This sign-in was not started here, or has been used already. Start again") from None


async def depart(hub: Hub, origin: str, go_on: str) -> tuple[str, OnTheWay]:
    """Return where to send the browser, and what to keep in its cookie. Raises NotVouchedFor."""
    way = await _find_way(hub)
    there = OnTheWay(new_state(), new_verifier(), secrets.token_urlsafe(24), go_on)
    url = authorization_url(
        _with_nonce(way, there.nonce),
        _client(hub),
        redirect_uri=origin + CALLBACK_PATH,
        state=there.state,
        verifier=there.verifier,
        scopes=("openid", "email"),
    )
    return url, there


async def arrive(hub: Hub, origin: str, query: str, there: OnTheWay) -> str:
    """Return the e-mail of whoever comes back with this query. Raises NotVouchedFor."""
    try:
        code = read_callback(query, state=there.state)
    except CallbackRefused as refusal:
        raise NotVouchedFor(str(refusal).rstrip(".")) from None
    way = await _find_way(hub)
    asked = code_request(way, _client(hub), code=code, redirect_uri=origin + CALLBACK_PATH, verifier=there.verifier)
    return _email(hub, _claims(await _ask(hub, asked)), there.nonce)


async def _find_way(hub: Hub) -> OAuth2Code:
    issuer = hub.settings.openid_issuer.rstrip("/")
    told = await _ask(hub, Request("GET", issuer + _DISCOVERY, (("Accept", "application/json"),)))
    authorize_url, token_url = told.get("authorization_endpoint"), told.get("token_endpoint")
    if told.get("issuer") not in (issuer, f"{issuer}/") or not _is_safe(authorize_url) or not _is_safe(token_url):
        raise NotVouchedFor("The OpenID provider does not describe itself as it should; whoever runs this hub can look")
    return OAuth2Code(authorize_url=str(authorize_url), token_url=str(token_url))


def _is_safe(url: Any) -> bool:
    """Tell whether this is an address a secret may go to: over TLS, or not beyond this machine."""
    if not isinstance(url, str) or "{" in url:
        return False
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"))


async def _ask(hub: Hub, request: Request) -> JsonObject:
    addresses = hub.addresses
    grant = Grant((HostRule.parse(parse_url(request.url).origin),), addresses=addresses, owner="openid")
    try:
        response = await hub.egress.send(request, grant, time.monotonic() + PROVIDER_SECONDS)
    except OperationError:
        raise NotVouchedFor("The OpenID provider does not answer; try again in a moment") from None
    body = response.readable_body()
    if response.status != 200 or not isinstance(body, dict):
        raise NotVouchedFor("The OpenID provider refused; start again")
    return cast("JsonObject", body)


def _claims(answer: JsonObject) -> JsonObject:
    try:
        _, claims, _ = answer["id_token"].split(".")
        said = orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (KeyError, AttributeError, ValueError):
        said = None
    if not isinstance(said, dict):
        raise NotVouchedFor("The OpenID provider sent no ID token")
    return cast("JsonObject", said)


def _email(hub: Hub, claims: JsonObject, nonce: str) -> str:
    """Return the e-mail an ID token is about, if the token is for us, new, and from the right provider."""
    issuer, client_id = hub.settings.openid_issuer.rstrip("/"), hub.settings.openid_client_id
    email, audience, ends_at = claims.get("email"), claims.get("aud"), claims.get("exp")
    is_for_us = audience in (client_id, [client_id]) and claims.get("azp", client_id) == client_id
    is_new = hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())
    is_valid = isinstance(ends_at, int | float) and ends_at > hub.clock() - SKEW_SECONDS
    if claims.get("iss") not in (issuer, f"{issuer}/") or not (is_for_us and is_new and is_valid):
        raise NotVouchedFor("The OpenID provider's answer is not for this sign-in. Start again")
    if not isinstance(email, str) or not email or claims.get("email_verified") is not True:
        raise NotVouchedFor("The OpenID provider does not vouch for your e-mail address")
    return email


def _with_nonce(way: OAuth2Code, nonce: str) -> OAuth2Code:
    return OAuth2Code(authorize_url=way.authorize_url, token_url=way.token_url, authorize_parameters={"nonce": nonce})


def _client(hub: Hub) -> Client:
    return Client(hub.settings.openid_client_id, hub.settings.openid_client_secret)
