"""What a token endpoint answered: tokens, or why there are none.

    Response ── read_token_answer ──> Tokens ── merged_into(credentials) ──> to be stored ── needs_refresh ──> renew?

Providers differ more here than anywhere else; what they agree on is RFC 6749, section 5.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qsl

import orjson

from jackfield.credentials import Credentials
from jackfield.egress.retries import retry_after_seconds
from jackfield.exchange import Headers, JsonObject, Response
from jackfield.oauth.errors import InvalidClient, InvalidGrant, InvalidScope, ProviderBroken, TokenRefused
from jackfield.oauth.ways import Expiry, OAuth2, TokenHolder

_READ_FIELDS = frozenset({"access_token", "refresh_token", "token_type", "scope"})
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
#: Token types that are of no use without a proof in each request, which we cannot give.
_BOUND_TYPES = frozenset({"dpop", "mac", "pop"})

_SIGN_IN_AGAIN = "sign in again"
_CHECK_CLIENT = "check {client}"  # see `_client_of`

#: Error codes of RFC 6749 5.2, and what well-known providers say instead of them.
_ERRORS: dict[str, tuple[type[TokenRefused], str]] = {
    "invalid_grant": (InvalidGrant, _SIGN_IN_AGAIN),
    "expired_token": (InvalidGrant, _SIGN_IN_AGAIN),
    "invalid_refresh_token": (InvalidGrant, _SIGN_IN_AGAIN),  # Slack
    "token_revoked": (InvalidGrant, _SIGN_IN_AGAIN),  # Slack
    "token_expired": (InvalidGrant, _SIGN_IN_AGAIN),  # Slack
    "invalid_code": (InvalidGrant, _SIGN_IN_AGAIN),  # Slack
    "code_already_used": (InvalidGrant, _SIGN_IN_AGAIN),  # Slack
    "bad_verification_code": (InvalidGrant, _SIGN_IN_AGAIN),  # GitHub
    "bad_refresh_token": (InvalidGrant, _SIGN_IN_AGAIN),  # GitHub
    "invalid_client": (InvalidClient, _CHECK_CLIENT),
    "unauthorized_client": (InvalidClient, "the client is not registered for this way to sign in"),
    "incorrect_client_credentials": (InvalidClient, _CHECK_CLIENT),  # GitHub
    "invalid_client_id": (InvalidClient, _CHECK_CLIENT),  # Slack
    "bad_client_secret": (InvalidClient, _CHECK_CLIENT),  # Slack
    "redirect_uri_mismatch": (InvalidClient, "register this hub's redirect URI with the provider"),  # GitHub
    "bad_redirect_uri": (InvalidClient, "register this hub's redirect URI with the provider"),  # Slack
    "invalid_scope": (InvalidScope, "ask for scopes the provider gives to this client"),
    "invalid_target": (InvalidScope, "ask for an audience the provider knows"),
    "invalid_request": (TokenRefused, "check the service's OAuth settings"),
    "unsupported_grant_type": (TokenRefused, "the provider does not know this way to sign in"),
    "interaction_required": (InvalidGrant, _SIGN_IN_AGAIN),  # Microsoft
    "server_error": (ProviderBroken, "try again later"),
    "temporarily_unavailable": (ProviderBroken, "try again later"),
    "slow_down": (ProviderBroken, "try again later"),
    "ratelimited": (ProviderBroken, "try again later"),  # Slack
}


@dataclass(frozen=True)
class Tokens:
    """What a provider gave. Moments are seconds since 1970; `expires_at` None means that nobody knows.

    `extras` is everything else it said, for example `{"instance_url": "…", "id_token": "…"}`.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    token_type: str = "Bearer"
    expires_in: float | None = None
    expires_at: float | None = None
    scopes: tuple[str, ...] = ()
    keeps_refresh_token: bool = True
    extras: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    def merged_into(self, previous: Credentials) -> JsonObject:
        """Return the credentials to store: the previous ones with these tokens in them.

        For example `{"accessToken": "…", "refreshToken": "…", "tokenType": "Bearer", "expiresIn": 3600,
        "expiresAt": 1893456000.0, "scopes": ["read"], "extras": {}}`. What somebody typed in stays. So does an old
        refresh token that was not replaced, unless the way says that silence means its end.
        """
        replaced = {"accessToken", "tokenType", "expiresIn", "expiresAt", "scopes", "extras"}
        if self.refresh_token or not self.keeps_refresh_token:
            replaced.add("refreshToken")
        kept = {name: value for name, value in previous.items() if name not in replaced}
        said = {
            "accessToken": self.access_token,
            "refreshToken": self.refresh_token,
            "tokenType": self.token_type,
            "expiresIn": self.expires_in,
            "expiresAt": self.expires_at,
            "scopes": list(self.scopes),
            "extras": {**previous.get("extras", {}), **self.extras},
        }
        return {**kept, **{name: value for name, value in said.items() if value is not None}}


def read_token_answer(
    way: TokenHolder, response: Response, sent_at: float, scopes: Sequence[str] | None = None
) -> Tokens:
    """Return the tokens of an answer, JSON or form. `scopes` are those that were asked for; None: those of the way.

    `sent_at` is when the request left, so that a slow answer cannot make a token look younger than it is.
    Raises a subclass of TokenRefused: InvalidGrant, InvalidClient, InvalidScope, or ProviderBroken (try again).
    """
    answer = _read_body(response)
    _check_answer(way, response, answer)
    token_type = _text(answer, "token_type") or "Bearer"
    if token_type.lower() in _BOUND_TYPES:
        raise TokenRefused("The provider gave a kind of token that cannot be used here: ask it for bearer tokens.")
    seconds = _seconds_left(way, answer, sent_at)
    asked = way.scopes if scopes is None else scopes
    return Tokens(
        access_token=_token(answer, "access_token"),
        refresh_token=_token(answer, "refresh_token") if answer.get("refresh_token") else None,
        token_type=token_type,
        expires_in=seconds,
        expires_at=None if seconds is None else sent_at + seconds,
        scopes=_scopes(answer) or tuple(asked),
        keeps_refresh_token=way.keeps_refresh_token,
        extras={name: value for name, value in answer.items() if name not in {*_READ_FIELDS, way.expires_in_field}},
    )


def with_expiry(credentials: Credentials, now: float) -> JsonObject:
    """Return credentials that came from elsewhere with the moment their token ends, as far as they say it.

    `{"accessToken": "…", "expiresIn": 3600}` means 3600 seconds from now.
    """
    stored = dict(credentials)
    seconds = _number(stored.get("expiresIn"))
    if "accessToken" in stored and "expiresAt" not in stored and seconds is not None:
        stored["expiresAt"] = now + seconds
    return stored


def needs_refresh(way: TokenHolder, credentials: Credentials, now: float) -> bool:
    """Whether the access token is missing, over, or will be within `early_seconds`.

    A short-lived token is renewed in the last quarter of its life: earlier would mean with every call.
    """
    if not credentials.get("accessToken"):
        return True
    expires_at = _number(credentials.get("expiresAt"))
    if expires_at is None:
        return False
    lifetime = _number(credentials.get("expiresIn"))
    early = way.early_seconds if lifetime is None else min(way.early_seconds, lifetime / 4)
    return now >= expires_at - early


def token_operation_answer(output: JsonObject) -> Response:
    """Return the answer that a connector's own token operation reports. Raises ProviderBroken when it reports none."""
    status, body = output.get("status_code"), output.get("body")
    if not isinstance(status, int) or isinstance(status, bool) or not isinstance(body, dict):
        raise ProviderBroken("The connector's token operation must return status_code and body.")
    return Response(status, _headers(output.get("headers")), orjson.dumps(body))


def _headers(said: object) -> Headers:
    """Return what of an operation's headers can be one: texts and numbers."""
    named = cast("JsonObject", said) if isinstance(said, dict) else {}
    return tuple((name, str(value)) for name, value in named.items() if isinstance(value, str | int))


def _check_answer(way: TokenHolder, response: Response, answer: JsonObject) -> None:
    code = _text(answer, "error")
    if response.status >= 500 or response.status in (408, 425, 429):
        raise ProviderBroken(
            f"The provider has a problem of its own (HTTP {response.status}): try again later.",
            retry_after_seconds(response),
        )
    if answer.get("error"):
        raise _refusal(way, code, response.status)
    if response.status == 401:
        raise InvalidClient(f"The provider does not accept this client (HTTP 401): check {_client_of(way)}.")
    if not 200 <= response.status < 300:
        raise TokenRefused(f"The provider gave no token (HTTP {response.status}): check the service's OAuth settings.")
    if "access_token" not in answer:
        raise ProviderBroken("The provider's answer holds no access token: check the token URL, or try again later.")


def _refusal(way: TokenHolder, code: str, status: int) -> TokenRefused:
    kind, advice = _ERRORS.get(code, (TokenRefused, "its answer says why, and is not repeated here"))
    named = code if code in _ERRORS else f"HTTP {status}"
    return kind(f"The provider gave no token ({named}): {advice.format(client=_client_of(way))}.")


def _client_of(way: TokenHolder) -> str:
    """Return what to look at when the provider does not accept who asks."""
    if isinstance(way, OAuth2):
        return f"the client id and secret of {way.client_owner.kept_in}"
    return "what was filled in for this authentication, and for its service environment"


def _read_body(response: Response) -> JsonObject:
    """Return what the body says, {} when it is neither JSON nor a form. The content type is often wrong."""
    try:
        answer = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        pairs = parse_qsl(response.text, keep_blank_values=True) if response.body[:1] not in (b"<", b"{") else []
        return dict(pairs)
    return cast("JsonObject", answer) if isinstance(answer, dict) else {}


def _text(answer: JsonObject, name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""


def _token(answer: JsonObject, name: str) -> str:
    token = answer[name]
    # A line break in a token would become a header of its own in every later request.
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ProviderBroken("The provider gave a token that cannot be sent in a request: try again later.")
    return token


def _scopes(answer: JsonObject) -> tuple[str, ...]:
    """Return the scopes of an answer. Separators differ: GitHub answers commas, whatever was sent."""
    scope = answer.get("scope")
    if isinstance(scope, list):
        return tuple(item for item in cast("list[Any]", scope) if isinstance(item, str))
    return tuple(filter(None, re.split(r"[ ,]+", scope))) if isinstance(scope, str) else ()


def _seconds_left(way: TokenHolder, answer: JsonObject, sent_at: float) -> float | None:
    said = answer.get(way.expires_in_field)
    if way.expiry is Expiry.MOMENT:
        moment = _number(said) if _number(said) is not None else _moment(said)
        seconds = None if moment is None else moment - sent_at
    else:
        number = _number(said)
        seconds = number / 1000 if number is not None and way.expiry is Expiry.MILLISECONDS else number
    return way.lifetime_seconds if seconds is None else max(seconds, 0.0)


def _number(value: object) -> float | None:
    """Return a number, also when it is written as a text; None for everything else, infinity too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _moment(value: object) -> float | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
