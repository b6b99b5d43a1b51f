"""The OAuth 1 dance (RFC 5849), as requests and answers.

temporary_request ──> read_temporary_token ── consent_url ──> browser ── consent ──> read_verifier
                                              access_request ──> read_access_token ──> credentials
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from jackfield.credentials import with_query
from jackfield.egress.retries import retry_after_seconds
from jackfield.egress.templates import resolve_template
from jackfield.exchange import JsonObject, Request, Response
from jackfield.oauth.clients import Client
from jackfield.oauth.errors import (
    CallbackIncomplete,
    ConsentDenied,
    InvalidClient,
    ProviderBroken,
    StateMismatch,
    TokenRefused,
)
from jackfield.oauth.signature import Stamp, Token, sign
from jackfield.oauth.ways import OAuth1

UserData = Mapping[str, str]


def temporary_request(
    way: OAuth1, client: Client, *, callback_url: str, user_data: UserData | None = None, stamp: Stamp | None = None
) -> Request:
    """Return the request for a temporary token. The provider sends the browser back to `callback_url`.

    OAuth 1 has no `state`: put one into the query of `callback_url`, so that only this session can use the answer.
    """
    request = Request("POST", resolve_template(way.request_url, user_data or {}))
    return sign(way, request, client, Token(), stamp, oauth_callback=callback_url)


def read_temporary_token(way: OAuth1, response: Response) -> Token:
    """Return the temporary token. Raises InvalidClient, TokenRefused, or ProviderBroken (try again)."""
    answer = _read_answer(way, response)
    # Without this the provider speaks OAuth 1.0, where somebody else can finish what you have begun.
    if answer.get("oauth_callback_confirmed") != "true":
        raise TokenRefused("The provider does not confirm the callback: it speaks OAuth 1.0, which is not safe.")
    return _token(answer)


def consent_url(way: OAuth1, temporary: Token, user_data: UserData | None = None) -> str:
    """Return where to send the browser."""
    url = resolve_template(way.authorize_url, user_data or {})
    return with_query(url, {"oauth_token": temporary.token, **way.authorize_parameters})


def read_verifier(query: str, temporary: Token) -> str:
    """Return the verifier out of a callback's query. Raises a subclass of CallbackRefused."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    answer = dict(pairs)
    names = [name for name, _ in pairs if name.startswith("oauth_")]
    if len(names) != len(set(names)):
        raise CallbackIncomplete("The provider's answer says something twice. Start again.")
    named = answer.get("oauth_token") or answer.get("denied", "")
    if not hmac.compare_digest(named.encode(errors="replace"), temporary.token.encode()):
        raise StateMismatch("This sign-in was not started here, or has been used already. Start again.")
    # Neither is in the RFC: Twitter invented `denied`, Yahoo `oauth_problem`.
    if "denied" in answer or "oauth_problem" in answer:
        raise ConsentDenied("The provider says that access was denied.")
    if not answer.get("oauth_verifier"):
        raise CallbackIncomplete("The provider sent you back without a verifier. Start again.")
    return answer["oauth_verifier"]


def access_request(
    way: OAuth1,
    client: Client,
    temporary: Token,
    verifier: str,
    *,
    user_data: UserData | None = None,
    stamp: Stamp | None = None,
) -> Request:
    """Return the request that exchanges the temporary token for one that lasts."""
    request = Request("POST", resolve_template(way.access_url, user_data or {}))
    return sign(way, request, client, temporary, stamp, oauth_verifier=verifier)


def read_access_token(way: OAuth1, response: Response) -> JsonObject:
    """Return the credentials to store: `{"accessToken": "…", "accessTokenSecret": "…", "extras": {"user_id": "7"}}`.

    Raises InvalidClient, TokenRefused, or ProviderBroken (try again).
    """
    answer = _read_answer(way, response)
    token = _token(answer)
    extras = {name: value for name, value in answer.items() if name not in ("oauth_token", "oauth_token_secret")}
    return {"accessToken": token.token, "accessTokenSecret": token.secret, "extras": extras}


def _read_answer(way: OAuth1, response: Response) -> dict[str, str]:
    if response.status >= 500 or response.status == 429:
        raise ProviderBroken(
            f"The provider has a problem of its own (HTTP {response.status}): try again later.",
            retry_after_seconds(response),
        )
    if response.status in (401, 403):
        raise InvalidClient(
            f"The provider does not accept this client or its signature (HTTP {response.status}): check the client id "
            f"and secret of {way.client_owner.kept_in}, and the clock of this machine."
        )
    if not 200 <= response.status < 300:
        raise TokenRefused(f"The provider gave no token (HTTP {response.status}): check the service's OAuth settings.")
    return dict(parse_qsl(response.text, keep_blank_values=True))


def _token(answer: dict[str, str]) -> Token:
    if not answer.get("oauth_token") or "oauth_token_secret" not in answer:
        raise ProviderBroken("The provider's answer holds no token: check the service's OAuth settings.")
    return Token(answer["oauth_token"], answer["oauth_token_secret"])
