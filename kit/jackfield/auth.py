"""Ways to sign in to a third party, as data. Nothing here opens a connection.

A way says which credentials it needs (a JSON Schema), where they go in a request, and which texts must never be seen:

    NoSignIn   ApiKey (header, query or cookie)   Bearer   Basic

A connector names one; the egress engine applies it. The connector's own code never sees a credential.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

from jackfield.exchange import JsonObject, Request

Credentials = Mapping[str, Any]


class AuthenticationType(StrEnum):
    """How the public contract names the families (GET …/environments, `authenticationType`)."""

    TOKEN = "token"  #: somebody typed it in: API keys, bearer tokens, user name and password
    OAUTH1 = "oauth1"
    OAUTH2 = "oauth2"  #: authorization code
    OAUTH2_PASSWORD = "oauth2password"
    OAUTH2_CLIENT_CREDENTIALS = "oauth2client_credentials"
    BUILTIN = "builtin"  #: nothing to type in


class Place(StrEnum):
    """Where in a request an API key goes."""

    HEADER = "header"
    QUERY = "query"
    COOKIE = "cookie"


def _credential_schema(**titles: str) -> JsonObject:
    properties = {name: {"type": "string", "title": title, "minLength": 1} for name, title in titles.items()}
    return {"type": "object", "properties": properties, "required": list(titles), "additionalProperties": False}


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
    """One key, sent in a header, in the query or as a cookie. Credentials: `{"apiKey": "…"}`.

    `prefix` goes before the key: `ApiKey("Authorization", prefix="Token ")`.
    """

    name: str
    place: Place = Place.HEADER
    prefix: str = ""
    kind: ClassVar[str] = "api_key"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.TOKEN

    def credentials_schema(self) -> JsonObject:
        schema = _credential_schema(apiKey="API key")
        schema["properties"]["apiKey"]["format"] = "password"
        return schema

    def sign(self, request: Request, credentials: Credentials) -> Request:
        value = f"{self.prefix}{credentials['apiKey']}"
        if self.place is Place.QUERY:
            return replace(request, url=_with_query(request.url, self.name, value))
        if self.place is Place.COOKIE:
            return _with_header(request, "Cookie", f"{self.name}={quote(value, safe='')}")
        return _with_header(request, self.name, value)

    def secrets(self, credentials: Credentials) -> list[str]:
        return [credentials["apiKey"]]


@dataclass(frozen=True)
class Bearer:
    """A token in `Authorization: Bearer …`. Credentials: `{"accessToken": "…"}`."""

    kind: ClassVar[str] = "bearer"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.TOKEN

    def credentials_schema(self) -> JsonObject:
        schema = _credential_schema(accessToken="Access token")
        schema["properties"]["accessToken"]["format"] = "password"
        return schema

    def sign(self, request: Request, credentials: Credentials) -> Request:
        return _with_header(request, "Authorization", f"Bearer {credentials['accessToken']}")

    def secrets(self, credentials: Credentials) -> list[str]:
        return [credentials["accessToken"]]


@dataclass(frozen=True)
class Basic:
    """User name and password, RFC 7617, in UTF-8. Credentials: `{"username": "…", "password": "…"}`."""

    kind: ClassVar[str] = "basic"
    authentication_type: ClassVar[AuthenticationType] = AuthenticationType.TOKEN

    def credentials_schema(self) -> JsonObject:
        schema = _credential_schema(username="User name", password="Password")
        schema["properties"]["password"]["format"] = "password"
        return schema

    def sign(self, request: Request, credentials: Credentials) -> Request:
        return _with_header(request, "Authorization", f"Basic {_basic_pair(credentials)}")

    def secrets(self, credentials: Credentials) -> list[str]:
        return [credentials["password"], _basic_pair(credentials)]


SignIn = NoSignIn | ApiKey | Bearer | Basic

_WAYS: dict[str, type[SignIn]] = {way.kind: way for way in (NoSignIn, ApiKey, Bearer, Basic)}


def sign_in_to_json(way: SignIn) -> JsonObject:
    """Return the way as data, for example `{"kind": "api_key", "name": "X-Key", "place": "header", "prefix": ""}`."""
    return {"kind": way.kind, **asdict(way)}


def sign_in_from_json(data: JsonObject) -> SignIn:
    """Return the way `sign_in_to_json` wrote. Raises ValueError when it is not one."""
    settings = dict(data)
    kind = settings.pop("kind", None)
    if kind not in _WAYS:
        raise ValueError(f"unknown way to sign in: {kind!r}")
    if kind == ApiKey.kind:
        settings["place"] = Place(settings["place"])
    return _WAYS[kind](**settings)


def _basic_pair(credentials: Credentials) -> str:
    return base64.b64encode(f"{credentials['username']}:{credentials['password']}".encode()).decode()


def _with_header(request: Request, name: str, value: str) -> Request:
    """Return the request with this header and no other of that name: a connector cannot sign in beside us."""
    kept = tuple((key, text) for key, text in request.headers if key.lower() != name.lower())
    return replace(request, headers=(*kept, (name, value)))


def _with_query(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    pair = f"{quote(name, safe='')}={quote(value, safe='')}"
    return urlunsplit(parts._replace(query=f"{parts.query}&{pair}" if parts.query else pair))
