"""Ways to sign in to a third party, as data. Nothing here opens a connection.

A way says which credentials it needs (a JSON Schema), where they go in a request, and which texts must never be seen:

    NoSignIn   ApiKey (header, query, cookie or body)   Bearer   Basic   AwsSignature
    OAuth2Code   OAuth2Password   OAuth2ClientCredentials   OAuth1   TokenRequest   (see jackfield.oauth)

A connector names one; the egress engine applies it. The connector's own code never sees a credential.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import ClassVar

from pydantic import TypeAdapter, ValidationError

from jackfield.aws import AwsSignature
from jackfield.credentials import (
    AuthenticationType,
    Credentials,
    Place,
    basic_pair,
    credential_schema,
    with_credential,
    with_header,
)
from jackfield.exchange import JsonObject, Request
from jackfield.oauth.ways import OAuth1, OAuth2ClientCredentials, OAuth2Code, OAuth2Password, TokenRequest


@dataclass(frozen=True)
class NoSignIn:
    """The service answers everybody."""

    kind: ClassVar[str] = "none"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.BUILTIN

    def credentials_schema(self) -> JsonObject:
        return {}

    def sign(self, request: Request, credentials: Credentials) -> Request:
        return request

    def secrets(self, credentials: Credentials) -> list[str]:
        return []


@dataclass(frozen=True)
class ApiKey:
    """One key, sent in a header, the query, a cookie or a field of the body. Credentials: `{"apiKey": "…"}`.

    `prefix` goes before the key: `ApiKey("Authorization", prefix="Token ")`.
    """

    name: str
    place: Place = Place.HEADER
    prefix: str = ""
    kind: ClassVar[str] = "api_key"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.TOKEN

    def credentials_schema(self) -> JsonObject:
        return credential_schema("apiKey", apiKey="API key")

    def sign(self, request: Request, credentials: Credentials) -> Request:
        return with_credential(request, self.place, self.name, f"{self.prefix}{credentials['apiKey']}")

    def secrets(self, credentials: Credentials) -> list[str]:
        return [credentials["apiKey"]]


@dataclass(frozen=True)
class Bearer:
    """A token in `Authorization: Bearer …`. Credentials: `{"accessToken": "…"}`."""

    kind: ClassVar[str] = "bearer"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.TOKEN

    def credentials_schema(self) -> JsonObject:
        return credential_schema("accessToken", accessToken="Access token")

    def sign(self, request: Request, credentials: Credentials) -> Request:
        return with_header(request, "Authorization", f"Bearer {credentials['accessToken']}")

    def secrets(self, credentials: Credentials) -> list[str]:
        return [credentials["accessToken"]]


@dataclass(frozen=True)
class Basic:
    """User name and password, RFC 7617, in UTF-8. Credentials: `{"username": "…", "password": "…"}`."""

    kind: ClassVar[str] = "basic"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.TOKEN

    def credentials_schema(self) -> JsonObject:
        return credential_schema("password", username="User name", password="Password")

    def sign(self, request: Request, credentials: Credentials) -> Request:
        return with_header(
            request, "Authorization", f"Basic {basic_pair(credentials['username'], credentials['password'])}"
        )

    def secrets(self, credentials: Credentials) -> list[str]:
        return [credentials["password"], basic_pair(credentials["username"], credentials["password"])]


OAuthSignIn = OAuth2Code | OAuth2Password | OAuth2ClientCredentials | OAuth1 | TokenRequest
SignIn = NoSignIn | ApiKey | Bearer | Basic | AwsSignature | OAuthSignIn

_WAYS: dict[str, type[SignIn]] = {
    way.kind: way
    for way in (
        NoSignIn,
        ApiKey,
        Bearer,
        Basic,
        AwsSignature,
        OAuth2Code,
        OAuth2Password,
        OAuth2ClientCredentials,
        OAuth1,
        TokenRequest,
    )
}


def sign_in_to_json(way: SignIn) -> JsonObject:
    """Return the way as data, for example `{"kind": "api_key", "name": "X-Key", "place": "header", "prefix": ""}`."""
    return {"kind": way.kind, **asdict(way)}


def sign_in_from_json(data: JsonObject) -> SignIn:
    """Return the way `sign_in_to_json` wrote; settings that are not there have their defaults.

    Raises ValueError, which names the setting, when it is not one.
    """
    settings = dict(data)
    kind = settings.pop("kind", None)
    way = _WAYS.get(kind) if isinstance(kind, str) else None
    if way is None:
        raise ValueError(f"unknown way to sign in: {kind!r}; there are {', '.join(_WAYS)}")
    unknown = settings.keys() - {setting.name for setting in fields(way)}
    if unknown:
        raise ValueError(f"{way.kind} has no setting {min(unknown)!r}")
    try:
        return _reader(way).validate_python(settings)
    except ValidationError as mistake:
        raise ValueError(f"{way.kind}: {_first_problem(mistake)}") from None


def user_data_templates(way: SignIn) -> tuple[str, ...]:
    """Return the URLs of a way that may hold `{field}`s, which an auth's user data fills."""
    return way.templates if isinstance(way, OAuthSignIn) else ()


@cache
def _reader(way: type[SignIn]) -> TypeAdapter[SignIn]:
    return TypeAdapter(way)


def _first_problem(mistake: ValidationError) -> str:
    problem = mistake.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]
