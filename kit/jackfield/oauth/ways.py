"""Ways to sign in with OAuth, as data.

    OAuth2Code                a person consents in a browser       OAuth1         the same, with signed requests
    OAuth2Password            a person's name and password         TokenRequest   the connector's own code asks
    OAuth2ClientCredentials   a machine, as itself

URLs may hold `{field}` templates, filled from an auth's user data: `https://{subdomain}.example.com/token`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import ClassVar, Protocol, cast

from jackfield.credentials import AuthenticationType, Credentials, Place, credential_schema, with_credential
from jackfield.exchange import JsonObject, Request
from jackfield.oauth.clients import ClientOwner, ClientPlace

#: What the dance itself says; a way's own parameters may not say it otherwise.
_OWN_PARAMETERS = frozenset(
    {"client_id", "client_secret", "grant_type", "response_type", "redirect_uri", "scope", "state"}
    | {"code", "code_challenge", "code_challenge_method", "code_verifier", "refresh_token", "username", "password"}
)


class TokenBody(StrEnum):
    """How the token endpoint wants its parameters."""

    FORM = "form"
    JSON = "json"


class Expiry(StrEnum):
    """How the provider says when an access token ends. Numbers may be written as texts."""

    SECONDS = "seconds"  #: seconds from now: 3600
    MILLISECONDS = "milliseconds"  #: milliseconds from now: 3600000
    MOMENT = "moment"  #: seconds since 1970, or a text such as 2030-01-31T12:00:00Z


class SignatureMethod(StrEnum):
    """How OAuth 1 requests are signed."""

    HMAC_SHA1 = "HMAC-SHA1"
    HMAC_SHA256 = "HMAC-SHA256"
    RSA_SHA1 = "RSA-SHA1"


@dataclass(frozen=True, kw_only=True)
class TokenHolder:
    """What all ways with an access token share: where it goes in a request, and how it is renewed.

    `place`, `name`, `prefix`  where the token goes; by default `Authorization: Bearer …`
    `scopes`                   what is asked for when an auth asks for nothing itself
    `expires_in_field`         the member of a token answer that says when the token ends, in the form of `expiry`
    `lifetime_seconds`         how long a token lasts when the answer does not say; None: until it is refused
    `early_seconds`            how long before its end a token is renewed; at most a quarter of its life
    `rotates_refresh_tokens`   a refresh token works once, so a renewal must never be sent twice
    `keeps_refresh_token`      an answer without a refresh token means that the old one stays good
    """

    place: Place = Place.HEADER
    name: str = "Authorization"
    prefix: str = "Bearer "
    scopes: Sequence[str] = ()
    expires_in_field: str = "expires_in"
    expiry: Expiry = Expiry.SECONDS
    lifetime_seconds: float | None = None
    early_seconds: float = 60.0
    rotates_refresh_tokens: bool = True
    keeps_refresh_token: bool = True

    def __post_init__(self) -> None:
        _keep_as_tuple(self, "scopes", self.scopes)

    def sign(self, request: Request, credentials: Credentials) -> Request:
        value = f"{self.prefix}{credentials['accessToken']}"
        return with_credential(request, self.place, self.name, value)

    def secrets(self, credentials: Credentials) -> list[str]:
        return token_secrets(credentials)


@dataclass(frozen=True, kw_only=True)
class OAuth2(TokenHolder):
    """What the three OAuth 2 ways share: the token endpoint and its manners.

    `audience` and `token_parameters` are sent to it as they are. `client_owner` says whose client id and secret are
    used, `client_place` where they go. `repeats_scopes`: the provider wants the scopes again with every renewal.
    """

    token_url: str
    token_body: TokenBody = TokenBody.FORM
    token_parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    audience: str = ""
    scope_separator: str = " "
    repeats_scopes: bool = False
    client_place: ClientPlace = ClientPlace.HEADER
    client_owner: ClientOwner = ClientOwner.SERVICE

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_urls(*self.templates)
        _check_parameters(self.token_parameters)
        if self.token_url.startswith("{") and self.client_owner is ClientOwner.SERVICE:
            raise ValueError(
                "a token_url that is any address somebody types in needs client_owner=ClientOwner.AUTH: "
                "otherwise the service's client secret would be sent there"
            )

    @property
    def templates(self) -> tuple[str, ...]:
        """The URLs whose `{field}`s an auth's user data fills."""
        return (self.token_url,)


@dataclass(frozen=True, kw_only=True)
class OAuth2Code(OAuth2):
    """A person consents in a browser; PKCE with S256. Credentials: `{"accessToken": "…", "refreshToken": "…", …}`.

    `authorize_parameters` are added to the URL the browser is sent to. When `issuer` is given, the provider must name
    itself so in each callback (RFC 9207); this is what protects a client of many providers from mixing them up.
    """

    authorize_url: str
    authorize_parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    issuer: str = ""
    uses_pkce: bool = True
    kind: ClassVar[str] = "oauth2_code"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.OAUTH2

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_parameters(self.authorize_parameters)

    @property
    def templates(self) -> tuple[str, ...]:
        return (self.authorize_url, self.token_url)

    def credentials_schema(self) -> JsonObject:
        client = _client(self.client_owner)
        return _with_token(client, "accessToken", *client)


@dataclass(frozen=True, kw_only=True)
class OAuth2Password(OAuth2):
    """A person's name and password are exchanged for a token. Credentials: `{"username": "…", "password": "…"}`."""

    kind: ClassVar[str] = "oauth2_password"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.OAUTH2_PASSWORD

    def credentials_schema(self) -> JsonObject:
        typed = credential_schema("password", username="User name", password="Password")["properties"]
        client = _client(self.client_owner)
        return _with_token({**typed, **client}, *typed, *client)


@dataclass(frozen=True, kw_only=True)
class OAuth2ClientCredentials(OAuth2):
    """A machine signs in as itself. Credentials: `{"clientId": "…", "clientSecret": "…"}`, or `{}` when the client
    belongs to the service."""

    client_owner: ClientOwner = ClientOwner.AUTH
    kind: ClassVar[str] = "oauth2_client_credentials"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.OAUTH2_CLIENT_CREDENTIALS

    def credentials_schema(self) -> JsonObject:
        client = _client(self.client_owner)
        return _with_token(client, *client)


@dataclass(frozen=True, kw_only=True)
class TokenRequest(TokenHolder):
    """A private operation of the connector gets the token, for services whose ways are all their own.

    `fields` are what somebody types in, `secret_fields` those of them that are hidden. The operation receives them as
    `{"auth_form_input": {…}}` and returns `{"status_code": 200, "headers": {}, "body": {"access_token": "…", …}}`.
    Of the headers only `Retry-After` is looked at: how long the service wants nobody to ask again.
    """

    operation: str = "#token_request"
    fields: Sequence[str] = ()
    secret_fields: Sequence[str] = ()
    kind: ClassVar[str] = "token_request"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.OAUTH2_CLIENT_CREDENTIALS
    templates: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _keep_as_tuple(self, "fields", self.fields)
        _keep_as_tuple(self, "secret_fields", self.secret_fields)
        unknown = set(self.secret_fields) - set(self.fields)
        if unknown:
            raise ValueError(f"secret_fields names {min(unknown)!r}, which is not one of the fields")

    def credentials_schema(self) -> JsonObject:
        titles = {name: name.replace("_", " ").capitalize() for name in self.fields}
        typed = credential_schema(*self.secret_fields, **titles)["properties"]
        return _with_token(typed, *self.fields)

    def secrets(self, credentials: Credentials) -> list[str]:
        typed = [credentials[name] for name in self.secret_fields if isinstance(credentials.get(name), str)]
        return [*token_secrets(credentials), *typed]


@dataclass(frozen=True, kw_only=True)
class OAuth1:
    """A person consents in a browser; every request is signed (RFC 5849).

    Credentials: `{"accessToken": "…", "accessTokenSecret": "…"}`. To sign, `clientId` and `clientSecret` must be among
    them, too: `with_client` puts the service environment's there. For RSA-SHA1 the secret is the private key, in PEM.
    """

    request_url: str
    authorize_url: str
    access_url: str
    signature: SignatureMethod = SignatureMethod.HMAC_SHA1
    realm: str = ""
    authorize_parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    client_owner: ClientOwner = ClientOwner.SERVICE
    kind: ClassVar[str] = "oauth1"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.OAUTH1

    def __post_init__(self) -> None:
        _check_urls(*self.templates)

    @property
    def templates(self) -> tuple[str, ...]:
        return (self.request_url, self.authorize_url, self.access_url)

    def credentials_schema(self) -> JsonObject:
        titles = {"accessToken": "Access token", "accessTokenSecret": "Access token secret"}
        typed = credential_schema(*titles, **titles)["properties"]
        client = _client(self.client_owner)
        return {"type": "object", "properties": {**typed, **client}, "required": [*titles, *client]}

    def sign(self, request: Request, credentials: Credentials) -> Request:
        # authlib takes longer to import than the rest of this package, and few connectors speak OAuth 1.
        signing = cast("_Signing", import_module("jackfield.oauth.signature"))
        return signing.sign_for_api(self, request, credentials)

    def secrets(self, credentials: Credentials) -> list[str]:
        return token_secrets(credentials)


class _Signing(Protocol):
    def sign_for_api(self, way: OAuth1, request: Request, credentials: Credentials) -> Request: ...


def token_secrets(credentials: Credentials) -> list[str]:
    """Return the texts among stored credentials that nobody may see."""
    names = ("accessToken", "refreshToken", "accessTokenSecret", "clientSecret", "password")
    found = [credentials.get(name) for name in names]
    extras = credentials.get("extras")
    if isinstance(extras, dict):
        named = cast("JsonObject", extras)
        # Providers add tokens of their own: id_token, and whatever else they call so.
        found += [value for name, value in named.items() if "token" in name.lower() or "secret" in name.lower()]
    return [text for text in found if isinstance(text, str) and text]


def _keep_as_tuple(way: object, name: str, texts: Sequence[str]) -> None:
    """Keep a tuple, whatever sequence was given: a way read back from JSON must equal the one that was written."""
    if isinstance(texts, str):
        raise ValueError(f'{name} must be a list of texts, such as ["{texts}"]')
    object.__setattr__(way, name, tuple(texts))


def _client(owner: ClientOwner) -> JsonObject:
    if owner is ClientOwner.SERVICE:
        return {}
    schema = credential_schema("clientSecret", clientId="Client ID", clientSecret="Client secret")
    return schema["properties"]


def _with_token(typed: JsonObject, *required: str) -> JsonObject:
    """Return the schema of credentials that somebody typed in and that hold a token later; providers may add to it."""
    tokens = {
        "accessToken": {"type": "string", "title": "Access token", "minLength": 1, "format": "password"},
        "refreshToken": {"type": "string", "title": "Refresh token", "minLength": 1, "format": "password"},
        "tokenType": {"type": "string", "title": "Token type"},
        "expiresIn": {"type": "number", "title": "Expires in", "description": "Seconds, from when it was given."},
        "expiresAt": {"type": "number", "title": "Expires at", "description": "Seconds since 1970."},
    }
    return {"type": "object", "properties": {**typed, **tokens}, "required": list(required)}


def _check_urls(*urls: str) -> None:
    for url in urls:
        if not url.startswith(("https://", "http://", "{")):
            raise ValueError(f"{url!r} must be an address such as https://login.example.com/token")


def _check_parameters(parameters: Mapping[str, str]) -> None:
    taken = _OWN_PARAMETERS.intersection(parameters)
    if taken:
        raise ValueError(f"{min(taken)!r} is sent already; it cannot be among the additional parameters")
