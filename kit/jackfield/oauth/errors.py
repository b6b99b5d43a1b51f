"""What can go wrong while somebody signs in, and while a token is renewed.

    CallbackRefused              the browser came back, and nobody is signed in
    ├── ConsentDenied            the person said no
    ├── StateMismatch            the answer belongs to another sign-in, or to nobody
    ├── IssuerMismatch           the answer comes from another provider (RFC 9207)
    ├── CallbackIncomplete       a parameter is missing or there twice
    └── ProviderRefused          the provider did not even ask the person

    TokenRefused                 no token, and trying again will not help
    ├── InvalidGrant             the sign-in is over ─┬─ unless somebody else renewed it meanwhile: read it again first
    │   └── NoRefreshToken       ────────────────────┘
    ├── InvalidClient            the client's id or secret is wrong
    ├── InvalidScope             the client may not ask for these scopes
    └── ProviderBroken           no token now: try again later

A message never repeats what a provider wrote, except error codes this kit knows: providers are known to echo secrets.
"""

from __future__ import annotations

from jackfield.errors import Fault, OperationError


class CallbackRefused(Exception):
    """Nobody is signed in. `message` can be shown to the person who tried."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConsentDenied(CallbackRefused):
    """The person, or an administrator for them, said no."""


class StateMismatch(CallbackRefused):
    """The callback does not belong to the sign-in that was started here."""


class IssuerMismatch(CallbackRefused):
    """The callback names another provider than the one that was asked."""


class CallbackIncomplete(CallbackRefused):
    """The callback lacks what it must carry, or carries it twice."""


class ProviderRefused(CallbackRefused):
    """The provider answered the authorization request with an error."""


class TokenRefused(OperationError):
    """The provider gave no token. As the result of a call it has the code `#oauth_refresh`."""

    code = "#oauth_refresh"
    fault = Fault.SERVICE


class InvalidGrant(TokenRefused):
    """The code, refresh token or password is wrong, used or revoked.

    Of two renewals at once with one rotating refresh token, the later gets this, too. Read the auth again before you
    believe it.
    """


class NoRefreshToken(InvalidGrant):
    """The access token is over and there is nothing to renew it with."""


class InvalidClient(TokenRefused):
    """The provider does not accept the client's id, secret or key."""


class InvalidScope(TokenRefused):
    """The provider does not give these scopes to this client."""


class ProviderBroken(TokenRefused):
    """The provider answered something unusable, or asked for a pause.

    It may have spent a rotating refresh token all the same. `retry_after_seconds` is what it asked for, or None.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
