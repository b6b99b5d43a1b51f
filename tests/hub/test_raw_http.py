"""`raw_http_request` is sent by the hub itself, within the limits of every output."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jackfield.errors import TooLarge
from jackfield.exchange import Request, Response
from jackfield.manifest import Metadata, ServiceRef
from jackfield_hub.calls.raw_http import is_raw_http, run_raw_http

GIVEN = {"method": "GET", "url": {"endpoint": "/things"}, "body": {"none": None}}


class Errands:
    """What a third party answers to whatever it is asked."""

    def __init__(self, body: bytes) -> None:
        self.asked: list[Request] = []
        self._body = body

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(200, (("X-A", "1"), ("x-a", "2")), self._body, request.url)


def run(errands: Any, max_bytes: int = 1_000_000) -> bytes:
    running: Callable[..., Awaitable[bytes]] = run_raw_http
    return asyncio.run(running(GIVEN, "https://api.acme.test/v1", {}, errands, max_bytes))  # pyright: ignore[reportArgumentType]


def test_the_answer_is_the_output_whatever_it_is() -> None:
    errands = Errands(b'{"id": 1}')

    assert run(errands) == b'{"status":200,"headers":{"x-a":"1"},"body":{"id":1}}'
    assert [request.url for request in errands.asked] == ["https://api.acme.test/v1/things"]
    assert run(Errands(b"plain")) == b'{"status":200,"headers":{"x-a":"1"},"body":"plain"}'


@pytest.mark.parametrize(
    "body", [b'"' + b"x" * 2000 + b'"', b"[" * 100 + b"]" * 100, b"[" + b"0," * 600_000 + b"0]"], ids=len
)
def test_what_a_worker_would_not_be_let_answer_is_too_large_here_too(body: bytes) -> None:
    with pytest.raises(TooLarge):
        run(Errands(body), max_bytes=1000 if len(body) < 10_000 else 10_000_000)


@pytest.mark.parametrize(
    ("operation", "enabled", "expected"),
    [("raw_http_request", True, True), ("raw_http_request", False, False), ("get", True, False)],
)
def test_only_connectors_that_ask_for_it_have_it(operation: str, enabled: bool, expected: bool) -> None:
    metadata = Metadata("acme", "1.0", "Acme", "", ServiceRef("acme", 1), has_raw_http=enabled)

    assert is_raw_http(metadata, operation) is expected
