"""Answers of a live service, kept in a file a person can read, and given again offline.

    {"userData": {…}, "exchanges": [{"request": {"method", "url", "json"}, "response": {"status", "headers", "json"}}]}

A body is kept as `json`, `text` or `base64`, whichever is readable; one whose digest its headers name stays as it came,
to the byte. No secret reaches the file in any spelling.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jackfield.egress.redaction import Redactor
from jackfield.errors import NoAnswer
from jackfield.exchange import Headers, Json, JsonObject, Request, Response, Transport, awaitable

_DIGESTS = frozenset({"content-digest", "content-md5", "digest", "docker-content-digest", "repr-digest"})
#: Different at every answer, or about the connection: they would make a recording change without a reason.
_UNRECORDED_HEADERS = frozenset(
    {
        "age",
        "alt-svc",
        "cf-ray",
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "nel",
        "report-to",
        "request-id",
        "server",
        "set-cookie",
        "strict-transport-security",
        "transfer-encoding",
        "via",
        "x-amzn-requestid",
        "x-request-id",
        "x-runtime",
    }
)


class BadRecording(ValueError):
    """The file is not a recording; the message says which one and what to do."""


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    request: Request
    response: Response


@dataclass(frozen=True)
class Recording:
    """What one test asked, in order, and the user data the addresses were made from."""

    exchanges: tuple[Exchange, ...] = ()
    user_data: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def read(cls, file: Path) -> Recording:
        """Return what `write` wrote. Raises FileNotFoundError, or BadRecording when somebody damaged it."""
        content = file.read_bytes()
        try:
            data = json.loads(content)
            exchanges = tuple(_exchange_from_json(exchange) for exchange in data["exchanges"])
            return cls(exchanges, data.get("userData", {}))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadRecording(f"{file} is not a recording any more: record the test again with --record") from None

    def write(self, file: Path, redactor: Redactor) -> None:
        """Write the recording where a diff can be read. Raises OSError."""
        data = {
            "userData": redactor.json(dict(self.user_data)),
            "exchanges": [_exchange_to_json(exchange, redactor) for exchange in self.exchanges],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(data, indent=2, ensure_ascii=False)
        file.write_bytes(redactor.text(text).encode(errors="surrogatepass") + b"\n")


class Recorder:
    """A Transport that remembers what went through it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.exchanges: list[Exchange] = []

    def send(self, request: Request) -> Response:
        response = self._transport.send(request)
        self.exchanges.append(Exchange(request, response))
        return response

    async def exchange(self, request: Request) -> Response:
        response = await awaitable(self._transport).exchange(request)
        self.exchanges.append(Exchange(request, response))
        return response


class Replay:
    """A Transport that answers from a recording. `missing` says what was asked and is not in it.

    The same request is answered in the order it was recorded; the last answer is given again and again.
    """

    def __init__(self, recording: Recording) -> None:
        self._answers: defaultdict[str, list[Response]] = defaultdict(list)
        for exchange in recording.exchanges:
            self._answers[fingerprint(exchange.request)].append(exchange.response)
        self._recorded = [_line(exchange.request) for exchange in recording.exchanges]
        self.missing: list[str] = []

    def send(self, request: Request) -> Response:
        answers = self._answers.get(fingerprint(request))
        if not answers:
            self.missing.append(self._explain(request))
            raise NoAnswer(self.missing[-1])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _explain(self, request: Request) -> str:
        recorded = "\n".join(f"    {line}" for line in dict.fromkeys(self._recorded)) or "    nothing"
        return (
            f"This request is not in the recording:\n    {_line(request)}\n"
            f"Recorded are:\n{recorded}\n"
            "If the request is right, record it: jackfield connector test --record"
        )


def fingerprint(request: Request) -> str:
    """Return the same text for requests a service would answer the same: whatever the order of query or JSON keys."""
    parts = urlsplit(request.url)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    url = urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path or "/", query, ""))
    return f"{request.method} {url} {hashlib.sha256(_canonical(request.body)).hexdigest() if request.body else ''}"


def _canonical(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except ValueError:
        return body


def _line(request: Request) -> str:
    body = request.body[:200].decode(errors="replace")
    return f"{request.method} {request.url} {body}".rstrip()


def _exchange_to_json(exchange: Exchange, redactor: Redactor) -> JsonObject:
    request, response = redactor.request(exchange.request), redactor.response(exchange.response)
    asked = {"method": request.method, "url": request.url, **_body_to_json(request.body, redactor)}
    # What HEAD says about a length is all there is; otherwise the body says it.
    unrecorded = _UNRECORDED_HEADERS - ({"content-length"} if request.method == "HEAD" else set())
    given = {"status": response.status, "headers": _headers_to_json(response.headers, unrecorded)}
    is_named = any(name.lower() in _DIGESTS for name, _ in response.headers)
    body = _body_to_json(response.body, redactor, is_exact=is_named)
    return {"request": asked, "response": {**given, **body}}


def _exchange_from_json(data: JsonObject) -> Exchange:
    asked, given = data["request"], data["response"]
    request = Request(asked["method"], asked["url"], body=_body_from_json(asked))
    headers = _headers_from_json(given["headers"])
    return Exchange(request, Response(given["status"], headers, _body_from_json(given), url=asked["url"]))


def _headers_to_json(headers: Headers, unrecorded: Set[str]) -> dict[str, str | list[str]]:
    kept: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in unrecorded:
            kept.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in sorted(kept.items())}


def _headers_from_json(data: dict[str, str | list[str]]) -> Headers:
    listed = {name: [values] if isinstance(values, str) else values for name, values in data.items()}
    return tuple((name, value) for name, values in listed.items() for value in values)


def _body_to_json(body: bytes, redactor: Redactor, *, is_exact: bool = False) -> JsonObject:
    if not body:
        return {}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    value = None if is_exact else _json_or_none(text)
    # A bare number or text would come back differently written; only objects and lists are worth indenting.
    return {"json": redactor.json(value)} if isinstance(value, dict | list) else {"text": text}


def _json_or_none(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _body_from_json(data: JsonObject) -> bytes:
    if "json" in data:
        return json.dumps(data["json"], separators=(",", ":")).encode()
    if "base64" in data:
        return base64.b64decode(data["base64"])
    return data.get("text", "").encode()
