"""The client that somebody registered with a provider ("the OAuth app"), and how it shows itself there."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True)
class Client:
    """An id and a secret. A public client has no secret. For RSA-SHA1 the secret is the private key, in PEM."""

    client_id: str
    client_secret: str = field(default="", repr=False)


class ClientPlace(StrEnum):
    """Where the token endpoint looks for the client's id and secret."""

    HEADER = "header"  #: HTTP Basic, both form-encoded before (RFC 6749, section 2.3.1)
    HEADER_AS_IS = "header_as_is"  #: HTTP Basic without that encoding, for providers that do not undo it
    BODY = "body"  #: `client_id` and `client_secret` beside the other parameters


class ClientOwner(StrEnum):
    """Who registered the client."""

    SERVICE = "service"  #: one client for all auths; it is kept with the service environment
    AUTH = "auth"  #: every auth brings its own: `clientId` and `clientSecret` are among its credentials

    @property
    def kept_in(self) -> str:
        """Where to look when the client is wrong, for people."""
        return "the service's OAuth settings" if self is ClientOwner.SERVICE else "this authentication"
