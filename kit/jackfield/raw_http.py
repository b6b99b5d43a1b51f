"""The operation `raw_http_request`: any request to the service, for what no operation covers yet.

A connector gets it by `"rawHttp": {"enabled": true}` in connector.json. Its name and input are those of the public API.
It is no connector's code: a hub runs it itself, without a worker (`send_raw`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

from jackfield.connector import Connector
from jackfield.exchange import JsonObject
from jackfield.http import AsyncHttp, Http, HttpAnswer, RequestOptions
from jackfield.shapes import Field, File, read_input

RAW_HTTP_REQUEST = "raw_http_request"


@dataclass
class Endpoint:
    endpoint: Annotated[str, Field(title="Endpoint", description="What comes after the base URL, such as /products/1.")]


@dataclass
class FullUrl:
    fullUrl: Annotated[  # noqa: N815 - the public API's spelling
        str, Field(title="Full URL", description="A whole address. Its host must be one the connector may reach.")
    ]


@dataclass
class RawBody:
    raw: Annotated[Any, Field(title="Raw", description="A text, or an object to be sent as JSON.", format="code")]


@dataclass
class FormBody:
    form_urlencoded: Annotated[dict[str, Any], Field(title="Form", description="Fields of a web form.")]


@dataclass
class BinaryBody:
    binary: Annotated[File, Field(title="Binary", description="A file, sent as it is.")]


@dataclass
class NoBody:
    none: Annotated[None, Field(title="None")] = None


@dataclass
class RawRequest:
    url: Annotated[Endpoint | FullUrl, Field(title="URL")]
    body: Annotated[RawBody | FormBody | BinaryBody | NoBody, Field(title="Body")]
    method: Annotated[
        Literal["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"], Field(title="Method", default="GET")
    ]
    headers: Annotated[dict[str, str], Field(title="Headers")] = field(default_factory=dict[str, str])
    queryParams: Annotated[dict[str, Any], Field(title="Query")] = field(  # noqa: N815 - the public API's spelling
        default_factory=dict[str, Any]
    )


class RawAnswer(TypedDict):
    status: int
    headers: dict[str, str]
    body: Any


def add_raw_http(connector: Connector) -> None:
    """Give the connector the operation `raw_http_request`, if it does not have it yet."""
    given = connector.operations.get(RAW_HTTP_REQUEST)
    if given is not None and given.handler is _raw_http_request:
        return  # every test of a project loads the same connector again
    decorate = connector.operation(name=RAW_HTTP_REQUEST, title="Raw HTTP request (advanced)")
    decorate(_raw_http_request)


def _raw_http_request(raw: RawRequest, http: Http) -> RawAnswer:
    """Send any request to the service, signed in as usual. Every status is an answer, not an error."""
    return _answer(http.request(raw.method, _address(raw), **_options(raw)))


async def send_raw(given: JsonObject, http: AsyncHttp) -> RawAnswer:
    """Do the same for an input as it came. Raises what handlers raise."""
    raw = read_input(RawRequest, given)
    return _answer(await http.request(raw.method, _address(raw), **_options(raw)))


def _address(raw: RawRequest) -> str:
    return raw.url.endpoint if isinstance(raw.url, Endpoint) else raw.url.fullUrl


def _options(raw: RawRequest) -> RequestOptions:
    options: RequestOptions = {"query": raw.queryParams, "headers": raw.headers, "accept": range(100, 600)}
    if isinstance(raw.body, FormBody):
        options["form"] = raw.body.form_urlencoded
    elif isinstance(raw.body, BinaryBody):
        options["file"] = raw.body.binary
    elif isinstance(raw.body, RawBody):
        options["text" if isinstance(raw.body.raw, str) else "json"] = raw.body.raw
    return options


def _answer(answer: HttpAnswer) -> RawAnswer:
    headers: dict[str, str] = {}
    for name, value in answer.response.headers:  # of a repeated header the first
        headers.setdefault(name.lower(), value)
    return {"status": answer.status, "headers": headers, "body": answer.readable_body()}
