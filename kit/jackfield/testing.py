"""Test a connector: run its operations against a fake service, or against answers recorded from the live one.

    def test_get_product_returns_the_title(recorded: Recorded):
        product = recorded.run(get_product, ProductRef(product_id=1))
        assert product["title"] == "Blue socks"

    def test_a_missing_product_is_not_found():
        service = FakeService()
        service.get("/products/1", status=404)
        with pytest.raises(NotFound):
            run(get_product, ProductRef(product_id=1), service=service)

Everything passes through the same runner, the same checks and the same rules for hosts as on a hub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from xml.etree.ElementTree import Element

import orjson
import pytest

from jackfield import errors
from jackfield.connector import Connector, connector_of, operation_name
from jackfield.egress.grant import Grant
from jackfield.egress.headers import checked_headers
from jackfield.egress.policy import AddressPolicy, HostRule, parse_url
from jackfield.egress.templates import filled_headers, resolve_template
from jackfield.errors import NoAnswer, OperationError
from jackfield.exchange import Headers, Json, JsonObject, Request, Response, Transport, awaitable
from jackfield.http import HeaderMap, Http
from jackfield.local_files import WithFiles, local_file, path_of
from jackfield.local_storage import LocalStorage, WithStorage
from jackfield.markup import read_xml
from jackfield.runner import Call, Outcome
from jackfield.runner import run as run_once
from jackfield.shapes import File

FAKE_BASE_URL = "https://service.test"


class CheckedTransport(Protocol):
    """A Transport that knows afterwards which requests it had no answer for."""

    missing: list[str]

    def send(self, request: Request) -> Response: ...


def run(
    operation: Callable[..., Any],
    given: Any = None,
    *,
    service: FakeService,
    user_data: Mapping[str, str] | None = None,
) -> Any:
    """Run an operation once against a fake service and return its output.

    `given` is the operation's input dataclass, or a dictionary as a caller of the API would send it.
    Raises the OperationError the operation ended with. A request the service has no answer for fails the test.
    """
    __tracebackhide__ = True
    connector, data = connector_of(operation), user_data or {}
    transport = WithFiles(Guarded(service, _fake_grant(connector, data)))
    return Recorded(connector, transport, FAKE_BASE_URL, data, service.storage).run(operation, given)


def read_file(reference: JsonObject | File) -> bytes:
    """Return what is in a file that an operation has made: `read_file(output["file"])`."""
    url = reference.url if isinstance(reference, File) else reference["url"]
    path = path_of(url)
    assert path is not None, f"{url} is not a file of this machine"
    return path.read_bytes()


def _output_or_error(outcome: Outcome) -> Any:
    __tracebackhide__ = True
    if not outcome.is_success:
        raise error_of(outcome)
    if outcome.broken_promises:
        promises = "\n".join(f"    {promise}" for promise in outcome.broken_promises)
        pytest.fail(f"The output is not what the operation promises:\n{promises}", pytrace=False)
    return outcome.output


def error_of(outcome: Outcome) -> OperationError:
    """Return the error an outcome stands for, with its class, message and response."""
    output = outcome.output
    kind: type[OperationError] = getattr(errors, output["kind"])
    answered = output.get("response")
    response = Response(answered["statusCode"], body=orjson.dumps(answered["body"])) if answered else None
    error = kind(f"{output['message']}\n{outcome.log}".rstrip(), response)
    error.retry_after_seconds = output.get("retryAfterSeconds")
    return error


def input_of(given: Any) -> JsonObject:
    """Return an input as a caller sends it: JSON, without the fields that are None."""
    return orjson.loads(orjson.dumps(_plain(given if given is not None else {})))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(item) for name, item in named.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in cast("dict[str, Any]", value).items()}
    return value


def _readable(value: Json) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


class Guarded:
    """A Transport that refuses what a hub would refuse: odd URLs, undeclared hosts, malformed headers."""

    def __init__(self, transport: CheckedTransport, grant: Grant) -> None:
        self._transport = transport
        self._grant = grant

    @property
    def missing(self) -> list[str]:
        return self._transport.missing

    def send(self, request: Request) -> Response:
        self._check(request)
        return self._transport.send(request)

    async def exchange(self, request: Request) -> Response:
        self._check(request)
        return await awaitable(self._transport).exchange(request)

    def _check(self, request: Request) -> None:
        self._grant.check(parse_url(request.url))
        checked_headers(request.headers)


def _fake_grant(connector: Connector, user_data: Mapping[str, str]) -> Grant:
    rules = [HostRule.parse(FAKE_BASE_URL)]
    for host in (connector.base_url, *connector.hosts):
        try:
            rules.append(HostRule.parse(resolve_template(host, user_data)))
        except OperationError:
            continue  # an address made of user data this test does not give
    return Grant(tuple(rules), addresses=AddressPolicy())


@dataclass(frozen=True)
class SeenRequest:
    """A request a fake service received. `path` is without the query; `query` is `{"limit": ["20"]}`."""

    request: Request

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.request.url).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.request.url).query, keep_blank_values=True)

    @property
    def headers(self) -> HeaderMap:
        return HeaderMap(self.request.headers)

    @property
    def text(self) -> str:
        return self.request.body.decode(errors="replace")

    def json(self) -> Json:
        """Return the body as JSON. Raises ValueError when it is something else."""
        return orjson.loads(self.request.body)

    def xml(self) -> Element:
        """Return the root element of the body. Raises ValueError when it is no XML."""
        return read_xml(self.request.body)


class FakeService:
    """Answers what a test told it to. `requests` is what it was asked; what is in storage lasts as long as it does.

        service.get("/products/1", json={"title": "Blue socks"})
        service.post("/orders", status=201, json={"id": 7})
        service.get("https://files.acme.example/a.txt", text="hello")

    A path is relative to the connector's base URL. With a query (`"/orders?page=2"`) it answers that query only.
    `{…}` stands for any one segment: `"/orders/{id}"`; a path without it is preferred.
    Told twice, it gives the first answer first, and the last one for ever.
    """

    def __init__(self) -> None:
        self.requests: list[SeenRequest] = []
        self.missing: list[str] = []
        self.storage = LocalStorage()
        self._routes: dict[_Route, list[Response | OperationError]] = {}

    def get(self, path: str, **answer: Any) -> None:
        """Tell what GET answers; `answer` is what `on` takes."""
        self.on("GET", path, **answer)

    def post(self, path: str, **answer: Any) -> None:
        """Tell what POST answers."""
        self.on("POST", path, **answer)

    def put(self, path: str, **answer: Any) -> None:
        """Tell what PUT answers."""
        self.on("PUT", path, **answer)

    def patch(self, path: str, **answer: Any) -> None:
        """Tell what PATCH answers."""
        self.on("PATCH", path, **answer)

    def delete(self, path: str, **answer: Any) -> None:
        """Tell what DELETE answers."""
        self.on("DELETE", path, **answer)

    def on(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        json: Json = None,
        text: str = "",
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        error: OperationError | None = None,
    ) -> None:
        """Tell what a request answers: a status, headers and one body; or `error=TimedOut("…")` instead of all."""
        body, kind = (orjson.dumps(json), "application/json") if json is not None else (text.encode() or content, "")
        named: Headers = tuple((headers or {}).items())
        if kind and not any(name.lower() == "content-type" for name, _ in named):
            named = (("Content-Type", kind), *named)
        route = _Route.of(method, path if "://" in path else f"{FAKE_BASE_URL}{path}")
        self._routes.setdefault(route, []).append(error or Response(status, named, body))

    def send(self, request: Request) -> Response:
        self.requests.append(SeenRequest(request))
        asked = _Route.of(request.method, request.url)
        answers = self._routes.get(asked) or self._routes.get(asked.with_any_query()) or self._answers_for_any(asked)
        if not answers:
            self.missing.append(self._explain(request))
            raise NoAnswer(self.missing[-1])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OperationError):
            raise answer
        return Response(answer.status, answer.headers, answer.body, request.url)

    def _answers_for_any(self, asked: _Route) -> list[Response | OperationError] | None:
        return next((answers for route, answers in self._routes.items() if route.fits(asked)), None)

    def _explain(self, request: Request) -> str:
        known = "\n".join(f"    {route}" for route in self._routes) or "    nothing"
        asked = f"{request.method} {request.url.removeprefix(FAKE_BASE_URL)}"
        return f"The fake service was asked something it has no answer for:\n    {asked}\nIt answers:\n{known}"


@dataclass(frozen=True)
class _Route:
    method: str
    address: str
    query: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, method: str, url: str) -> _Route:
        parts = urlsplit(url)
        query = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
        return cls(method.upper(), f"{parts.scheme}://{parts.netloc}{unquote(parts.path)}", query)

    def with_any_query(self) -> _Route:
        return _Route(self.method, self.address, ())

    def fits(self, asked: _Route) -> bool:
        """Whether this route, with any segment where it has `{…}`, is what was asked."""
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(self.address))
        is_fit = bool(re.fullmatch(pattern, asked.address)) and self.query in ((), asked.query)
        return is_fit and self.method == asked.method

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.method} {self.address.removeprefix(FAKE_BASE_URL)}{'?' if query else ''}{query}"


class Recorded:
    """The service of the project under test, as its recordings, or live. Tests get it as the fixture `recorded`."""

    def __init__(
        self,
        connector: Connector,
        transport: Transport,
        base_url: str,
        user_data: Mapping[str, str],
        storage: LocalStorage | None = None,
    ) -> None:
        self._connector = connector
        self._transport = WithStorage(transport, storage)
        self._base_url = base_url
        self._user_data = user_data

    def run(self, operation: Callable[..., Any], given: Any = None) -> Any:
        """Run an operation once and return its output.

        `given` is the operation's input dataclass, or a dictionary as a caller of the API would send it.
        Raises the OperationError the operation ended with. A request that was not recorded fails the test.
        """
        __tracebackhide__ = True  # pytest ends at the author's line
        call = Call(operation_name(operation), input_of(given), self._base_url, self._user_data)
        outcome = run_once(self._connector, call, self._transport)
        # pytest shows this when a test fails, and with -s.
        print(f"{call.operation} input: {_readable(call.input)}")
        print(f"{call.operation} output: {_readable(outcome.output)}")
        if self._transport.missing:
            pytest.fail(self._transport.missing[0], pytrace=False)
        return _output_or_error(outcome)

    @property
    def http(self) -> Http:
        """The client a handler gets, to prepare something at the service or to tidy up. It is recorded too."""
        return Http(self._transport, self._base_url, filled_headers(self._connector.headers, self._user_data))


__all__ = ["FakeService", "Recorded", "SeenRequest", "local_file", "read_file", "run"]
