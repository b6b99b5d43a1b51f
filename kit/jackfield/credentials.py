"""What all ways to sign in share: the contract's names for them, and where a credential goes in a request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import orjson

from jackfield.errors import NotAllowed
from jackfield.exchange import JsonObject, Request

Credentials = Mapping[str, Any]

_FORM = "application/x-www-form-urlencoded"
_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class AuthenticationType(StrEnum):
    """How the public contract names the families (GET …/environments, `authenticationType`)."""

    TOKEN = "token"  #: somebody typed it in: API keys, bearer tokens, user name and password
    OAUTH1 = "oauth1"
    OAUTH2 = "oauth2"  #: authorization code
    OAUTH2_PASSWORD = "oauth2password"
    OAUTH2_CLIENT_CREDENTIALS = "oauth2client_credentials"
    BUILTIN = "builtin"  #: nothing to type in


class Place(StrEnum):
    """Where in a request an API key or a token goes."""

    HEADER = "header"
    QUERY = "query"
    COOKIE = "cookie"
    BODY = "body"  #: a field of the JSON object, or of the form, that is sent


def credential_schema(*secret: str, **titles: str) -> JsonObject:
    """Return the JSON Schema of texts that are all required. Those named in `secret` are hidden while typing."""
    properties: JsonObject = {
        name: {"type": "string", "title": title, "minLength": 1} for name, title in titles.items()
    }
    for name in secret:
        properties[name]["format"] = "password"
    return {"type": "object", "properties": properties, "required": list(titles), "additionalProperties": False}


def with_credential(request: Request, place: Place, name: str, value: str) -> Request:
    """Return the request with a credential in its place. Raises NotAllowed when the request has no such place."""
    if place is Place.QUERY:
        return replace(request, url=with_query(request.url, {name: value}))
    if place is Place.COOKIE:
        return with_header(request, "Cookie", f"{name}={quote(value, safe='')}")
    if place is Place.BODY:
        return with_field(request, name, value)
    return with_header(request, name, value)


def with_header(request: Request, name: str, value: str) -> Request:
    """Return the request with this header and no other of that name: a connector cannot sign in beside us."""
    lower = name.lower()
    kept = [pair for pair in request.headers if pair[0].lower() != lower]
    return request.with_headers((*kept, (name, value)))


def with_field(request: Request, name: str, value: str) -> Request:
    """Return the request with this field in its JSON object or its form, and no other of that name.

    A request that should have a body and has none gets a JSON object. Raises NotAllowed where there is no field to set.
    """
    kind = next((text for key, text in request.headers if key.lower() == "content-type"), "").partition(";")[0].lower()
    if kind.strip() == _FORM:
        # Whatever alphabet the other fields are in, they are sent as they came.
        fields = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        own = [(key.encode("latin-1"), text.encode("latin-1")) for key, text in fields if key != name]
        return replace(request, body=urlencode([*own, (name.encode(), value.encode())]).encode())
    try:
        content: Any = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError:
        content = None
    if request.method in _WITHOUT_BODY or not isinstance(content, dict):
        raise NotAllowed("This service takes its key in the body: send a JSON object or a form.")
    signed = replace(request, body=orjson.dumps({**cast("JsonObject", content), name: value}))
    return with_header(signed, "Content-Type", "application/json")


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Return the URL with these parameters behind the ones it has."""
    parts = urlsplit(url)
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items())
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, pairs)))))


def basic_pair(username: str, password: str) -> str:
    """Return what follows `Basic ` (RFC 7617, in UTF-8)."""
    return base64.b64encode(f"{username}:{password}".encode()).decode()
