"""The way to the provider's consent page, and back (OAuth 2 authorization code, with PKCE).

    new_state, new_verifier ── authorization_url ──> browser ── consent ──> callback ── read_callback ──> code

Whoever starts a sign-in keeps `state` and `verifier` with the person's session, uses each once, and forgets them soon.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from jackfield.credentials import with_query
from jackfield.egress.templates import resolve_template
from jackfield.oauth.clients import Client
from jackfield.oauth.errors import (
    CallbackIncomplete,
    CallbackRefused,
    ConsentDenied,
    IssuerMismatch,
    ProviderRefused,
    StateMismatch,
)
from jackfield.oauth.ways import OAuth2Code

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_MAX_CALLBACK_CHARACTERS = 16_384
_ANSWERS = ("code", "state", "iss", "error")

#: Error codes of RFC 6749 4.1.2.1 and OpenID Connect 3.1.2.6, and what to do about them.
_PROVIDER_ERRORS = {
    "invalid_request": "it found a mistake in the request; check the service's OAuth settings",
    "unauthorized_client": "its registration of this client does not allow this way to sign in",
    "unsupported_response_type": "its registration of this client does not allow this way to sign in",
    "invalid_scope": "it does not know one of the scopes, or does not give it to this client",
    "server_error": "it has a problem of its own; try again later",
    "temporarily_unavailable": "it is busy; try again later",
    "login_required": "it wants you to sign in there first",
    "consent_required": "it wants your consent, and was not allowed to ask",
    "interaction_required": "it wants to ask you something, and was not allowed to",
}


def new_state() -> str:
    """Return an unguessable text that ties a callback to the session it was started in."""
    return secrets.token_urlsafe(32)


def new_verifier() -> str:
    """Return a PKCE code verifier (RFC 7636): 64 unguessable characters."""
    return secrets.token_urlsafe(48)


def code_challenge(verifier: str) -> str:
    """Return the S256 challenge for a verifier. Raises ValueError when it is none."""
    if not _VERIFIER.fullmatch(verifier):
        raise ValueError("a PKCE verifier has 43 to 128 letters, digits, hyphens, dots, underscores or tildes")
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def authorization_url(
    way: OAuth2Code,
    client: Client,
    *,
    redirect_uri: str,
    state: str,
    verifier: str,
    scopes: Sequence[str] | None = None,
    user_data: Mapping[str, str] | None = None,
) -> str:
    """Return where to send the browser. `scopes` None means those of the way.

    Raises InvalidInput when the user data does not fill the URL.
    """
    wanted = way.scopes if scopes is None else scopes
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "scope": way.scope_separator.join(wanted),
        "audience": way.audience,
    }
    if way.uses_pkce:
        parameters |= {"code_challenge": code_challenge(verifier), "code_challenge_method": "S256"}
    said = {name: value for name, value in parameters.items() if value}
    return with_query(resolve_template(way.authorize_url, user_data or {}), {**said, **way.authorize_parameters})


def read_callback(query: str, *, state: str, issuer: str = "") -> str:
    """Return the authorization code out of a callback's query, which is everything after its "?".

    `state` is what the session expects. `issuer` is what `iss` must say (RFC 9207); "" means that the provider does
    not name itself. Raises one of the subclasses of CallbackRefused.
    """
    answer = _single_values(query)
    # Nothing else in the callback is believed before this: anybody can send a browser here.
    if not state or not hmac.compare_digest(answer.get("state", "").encode(errors="replace"), state.encode()):
        raise StateMismatch("This sign-in was not started here, or has been used already. Start again.")
    if issuer and answer.get("iss") != issuer:
        raise IssuerMismatch("Another provider than the one you were sent to has answered. Nothing was signed in.")
    if "error" in answer:
        raise _provider_error(answer["error"])
    if not answer.get("code"):
        raise CallbackIncomplete("The provider sent you back without a code. Start again.")
    return answer["code"]


def _single_values(query: str) -> dict[str, str]:
    """Return the parameters of a callback. Two of a name could mean different things to two readers: refused."""
    if len(query) > _MAX_CALLBACK_CHARACTERS:
        raise CallbackIncomplete("The provider sent you back with an endless answer. Start again.")
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    names = [name for name, _ in pairs if name in _ANSWERS]
    if len(names) != len(set(names)):
        raise CallbackIncomplete("The provider's answer says something twice. Start again.")
    return dict(pairs)


def _provider_error(code: str) -> CallbackRefused:
    if code == "access_denied":
        return ConsentDenied("The provider says that access was denied.")
    reason = _PROVIDER_ERRORS.get(code)
    if reason is None:
        return ProviderRefused("The provider refused to sign you in, for a reason of its own.")
    return ProviderRefused(f"The provider refused to sign you in ({code}): {reason}.")
