"""What the fake provider knows and decides: grants, codes and tokens. No HTTP here.

consent ──> code (once, 60 s) ──> grant ──┬── access tokens, until they end
                                          └── refresh token (once) ──> the next one
a used code or refresh token comes again ──> the grant ends, with all its tokens
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from jackfield.exchange import JsonObject
from jackfield.oauth.authorization import code_challenge
from jackfield.oauth.clients import Client, ClientPlace

CODE_SECONDS = 60.0


class SaidExpiry(StrEnum):
    """How a token answer says when the access token ends."""

    NUMBER = "number"  #: "expires_in": 3600
    TEXT = "text"  #: "expires_in": "3600"
    NOTHING = "nothing"  #: not at all


@dataclass
class Habits:
    """How this provider behaves. Change them at any time: `provider.habits.token_delay_seconds = 5`.

    `token_delay_seconds`: the token endpoint does its work at once and answers so much later.
    `clock_ahead_seconds`: its clock is ahead of yours, so that it refuses tokens which seem good to you.
    """

    access_token_seconds: float = 3600.0
    said_expiry: SaidExpiry = SaidExpiry.NUMBER
    says_scope: bool = True
    rotates_refresh_tokens: bool = True
    omits_refresh_token: bool = False  #: a renewal answers only the access token, and the old refresh token stays good
    requires_pkce: bool = True
    client_place: ClientPlace = ClientPlace.HEADER  #: any other place is refused
    asks_for_consent: bool = False  #: shows a page with two buttons, instead of sending the browser back at once
    denies_consent: bool = False
    names_itself: bool = True  #: sends `iss` with each callback (RFC 9207)
    refuses_with_200: bool = False  #: errors of the token endpoint have the status 200, as with GitHub and Slack
    answers_forms: bool = False  #: token answers are forms and not JSON
    token_delay_seconds: float = 0.0
    clock_ahead_seconds: float = 0.0


class Refusal(Exception):
    """An error of RFC 6749: a code such as "invalid_grant", and an HTTP status."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status


@dataclass
class Grant:
    """What one person, or the client itself, has agreed to."""

    subject: str
    scopes: tuple[str, ...]
    is_alive: bool = True
    refresh_token: str = ""
    used_refresh_tokens: set[str] = field(default_factory=set[str])


@dataclass
class Code:
    """An authorization code and what it is bound to."""

    grant: Grant
    redirect_uri: str
    challenge: str
    good_until: float
    is_used: bool = False


@dataclass
class Grants:
    """Everything the provider has given out. Its caller sees to it that only one thread is in here."""

    client: Client
    users: Mapping[str, str]
    habits: Habits
    codes: dict[str, Code] = field(default_factory=dict[str, Code])
    access_tokens: dict[str, tuple[Grant, float]] = field(default_factory=dict[str, tuple[Grant, float]])
    grants: list[Grant] = field(default_factory=list[Grant])
    refreshes: int = 0
    reuses_seen: int = 0

    def now(self) -> float:
        """Return the time on the provider's own clock, in seconds since 1970."""
        return time.time() + self.habits.clock_ahead_seconds

    def new_code(self, subject: str, query: Mapping[str, str]) -> str:
        """Return a code for an authorization request that somebody agreed to. Raises Refusal."""
        if query.get("response_type") != "code":
            raise Refusal("unsupported_response_type", "only code")
        challenge = query.get("code_challenge", "")
        if self.habits.requires_pkce and not (challenge and query.get("code_challenge_method") == "S256"):
            raise Refusal("invalid_request", "PKCE with S256 is required")
        if self.habits.denies_consent:
            raise Refusal("access_denied", "no")
        code = f"code-{secrets.token_urlsafe(16)}"
        grant = self._new_grant(subject, query.get("scope", ""))
        self.codes[code] = Code(grant, query["redirect_uri"], challenge, time.time() + CODE_SECONDS)
        return code

    def answer(self, parameters: Mapping[str, str]) -> JsonObject:
        """Return the token answer for a request whose client is known to be right. Raises Refusal."""
        match parameters.get("grant_type"):
            case "authorization_code":
                return self._tokens(self._redeem(parameters), has_refresh_token=True)
            case "refresh_token":
                return self._refresh(parameters.get("refresh_token", ""))
            case "password":
                return self._tokens(self._sign_in(parameters), has_refresh_token=True)
            case "client_credentials":
                grant = self._new_grant(self.client.client_id, parameters.get("scope", ""))
                return self._tokens(grant, has_refresh_token=False)
            case _:
                raise Refusal("unsupported_grant_type", "not this one")

    def owner_of(self, access_token: str) -> Grant | None:
        """Return the grant an access token belongs to, or None when the token is over, revoked or unknown."""
        grant, good_until = self.access_tokens.get(access_token, (None, 0.0))
        return grant if grant is not None and grant.is_alive and self.now() < good_until else None

    def _redeem(self, parameters: Mapping[str, str]) -> Grant:
        code = self.codes.get(parameters.get("code", ""))
        if code is None or time.time() > code.good_until:
            raise Refusal("invalid_grant", "unknown or expired code")
        if code.is_used:
            code.grant.is_alive = False
            raise Refusal("invalid_grant", "the code was used before")
        code.is_used = True
        if code.redirect_uri != parameters.get("redirect_uri"):
            raise Refusal("invalid_grant", "another redirect_uri")
        if code.challenge and not _proves(parameters.get("code_verifier", ""), code.challenge):
            raise Refusal("invalid_grant", "PKCE verification failed")
        return code.grant

    def _refresh(self, token: str) -> JsonObject:
        grant = next((grant for grant in self.grants if token and token == grant.refresh_token), None)
        if grant is None:
            self._punish_reuse(token)
            raise Refusal("invalid_grant", "unknown refresh token")
        if not grant.is_alive:
            raise Refusal("invalid_grant", "the grant was revoked")
        self.refreshes += 1
        if self.habits.omits_refresh_token or not self.habits.rotates_refresh_tokens:
            return self._tokens(grant, has_refresh_token=False)
        grant.used_refresh_tokens.add(token)
        return self._tokens(grant, has_refresh_token=True)

    def _punish_reuse(self, token: str) -> None:
        for grant in self.grants:
            if token in grant.used_refresh_tokens:
                self.reuses_seen += 1
                grant.is_alive = False

    def _sign_in(self, parameters: Mapping[str, str]) -> Grant:
        name, password = parameters.get("username", ""), parameters.get("password", "")
        if name not in self.users or self.users[name] != password:
            raise Refusal("invalid_grant", "wrong name or password")
        return self._new_grant(name, parameters.get("scope", ""))

    def _new_grant(self, subject: str, scope: str) -> Grant:
        grant = Grant(subject, tuple(scope.split()))
        self.grants.append(grant)
        return grant

    def _tokens(self, grant: Grant, *, has_refresh_token: bool) -> JsonObject:
        access_token = f"access-{secrets.token_urlsafe(24)}"
        seconds = self.habits.access_token_seconds
        # By your clock: the provider's may be ahead, and then the token is over sooner than it said.
        self.access_tokens[access_token] = (grant, time.time() + seconds)
        answer: JsonObject = {"access_token": access_token, "token_type": "Bearer"}
        if self.habits.said_expiry is not SaidExpiry.NOTHING:
            answer["expires_in"] = seconds if self.habits.said_expiry is SaidExpiry.NUMBER else f"{seconds:g}"
        if self.habits.says_scope:
            answer["scope"] = " ".join(grant.scopes)
        if has_refresh_token:
            grant.refresh_token = f"refresh-{secrets.token_urlsafe(24)}"
            answer["refresh_token"] = grant.refresh_token
        return answer


def _proves(verifier: str, challenge: str) -> bool:
    try:
        return hmac.compare_digest(code_challenge(verifier), challenge)
    except ValueError:
        return False
