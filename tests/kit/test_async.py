"""Operations that are `async def`: the same runner, the same answers, the same tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pytest

from jackfield import AsyncHttp, Choice, Connector, Http, InvalidInput, NotFound, TimedOut
from jackfield.connector import ConnectorMistake
from jackfield.egress.grant import Grant
from jackfield.egress.local import OWN_NETWORKS, LocalTransport
from jackfield.egress.policy import HostRule
from jackfield.egress.recordings import Recorder, Recording, Replay
from jackfield.egress.redaction import redactor
from jackfield.exchange import Request, Response
from jackfield.http import HttpAnswer
from jackfield.runner import Call, Wants
from jackfield.runner import run as run_once
from jackfield.testing import FakeService, run

shop = Connector("https://shop.example/v1")


@dataclass
class Pair:
    first: int
    second: int


class Titles(TypedDict):
    titles: list[str]


@shop.operation
async def get_pair(pair: Pair, http: AsyncHttp) -> Titles:
    """Read two products at once."""
    answers = await asyncio.gather(http.get(f"/products/{pair.first}"), http.get(f"/products/{pair.second}"))
    return {"titles": [answer.json()["title"] for answer in answers]}


@shop.operation
async def get_pair_twice(pair: Pair, http: AsyncHttp) -> Titles:
    """Use another operation: await it."""
    once, again = await get_pair(pair, http), await get_pair(pair, http)
    return {"titles": once["titles"] + again["titles"]}


@shop.choices
async def products(http: AsyncHttp) -> list[Choice]:
    """Fill a drop-down."""
    return [{"text": one, "value": one} for one in (await http.get("/products")).json()]


@shop.output_schema_of(get_pair)
async def pair_schema(pair: Pair, http: AsyncHttp) -> dict[str, Any]:
    return (await http.get("/schema")).json()


@shop.operation
async def refuse(pair: Pair) -> dict[str, Any]:
    raise InvalidInput("Ask for other products.")


@shop.operation
async def leave(pair: Pair) -> dict[str, Any]:
    raise asyncio.CancelledError


@shop.operation
async def hurry(http: AsyncHttp) -> dict[str, Any]:
    """Do not wait for long."""
    async with asyncio.timeout(0.1):
        return (await http.get("/slow")).json()


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.get("/products/1", json={"title": "Blue socks"})
    service.get("/products/2", json={"title": "Red socks"})
    service.get("/products", json=["1", "2"])
    service.get("/schema", json={"type": "object", "title": "Pair"})
    return service


def test_an_async_operation_is_tested_like_any_other(service: FakeService):
    assert run(get_pair, Pair(1, 2), service=service) == {"titles": ["Blue socks", "Red socks"]}
    assert run(products, service=service) == {"result": [{"text": one, "value": one} for one in "12"]}
    assert [request.path for request in service.requests] == ["/products/1", "/products/2", "/products"]


def test_another_operation_is_called_by_awaiting_it(service: FakeService):
    assert run(get_pair_twice, {"first": 2, "second": 1}, service=service)["titles"] == ["Red socks", "Blue socks"] * 2


def test_an_output_schema_may_be_async_too(service: FakeService):
    call = Call("get_pair", {"first": 1, "second": 2}, "https://service.test", wants=Wants.OUTPUT_SCHEMA)

    assert run_once(shop, call, service).output == {"output_schema": {"type": "object", "title": "Pair"}}


def test_errors_are_the_same(service: FakeService):
    service.get("/products/3", status=404)

    with pytest.raises(NotFound):
        run(get_pair, Pair(1, 3), service=service)
    with pytest.raises(InvalidInput, match="Ask for other products"):
        run(refuse, Pair(1, 2), service=service)
    with pytest.raises(InvalidInput, match="expected type: Integer"):
        run(get_pair, {"first": "x", "second": 2}, service=service)
    assert run_once(shop, Call("leave", {"first": 1, "second": 2}), service).output["kind"] == "ConnectorError"


async def test_a_test_that_is_async_itself_can_run_one(service: FakeService):
    assert run(get_pair, Pair(1, 2), service=service) == {"titles": ["Blue socks", "Red socks"]}


def test_requests_of_one_operation_are_under_way_at_the_same_time():
    together = asyncio.Event()
    inside: list[str] = []

    class Meeting:
        """Answers when two are there."""

        def send(self, request: Request) -> Response:
            raise AssertionError

        async def exchange(self, request: Request) -> Response:
            inside.append(request.url)
            if len(inside) == 2:
                together.set()
            await asyncio.wait_for(together.wait(), 10)
            return Response(200, (), b'{"title": "x"}')

    outcome = run_once(shop, Call("get_pair", {"first": 1, "second": 2}, "https://service.test"), Meeting())

    assert outcome.output == {"titles": ["x", "x"]}


def test_a_recording_is_made_and_played_like_any_other(service: FakeService, tmp_path: Path):
    recorder = Recorder(service)
    call = Call("get_pair", {"first": 1, "second": 2}, "https://service.test")
    live = run_once(shop, call, recorder)
    Recording(tuple(recorder.exchanges)).write(tmp_path / "recording.json", redactor([]))

    replayed = run_once(shop, call, Replay(Recording.read(tmp_path / "recording.json")))

    assert replayed.output == live.output == {"titles": ["Blue socks", "Red socks"]}


def test_a_handler_may_stop_waiting_for_the_live_service():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        grant = Grant((HostRule.parse(url),), addresses=OWN_NETWORKS)
        with LocalTransport(grant, 20.0) as transport:
            outcome = run_once(shop, Call("hurry", {}, url), transport)

    assert outcome.output["kind"] == "ConnectorError"
    assert "TimeoutError" in outcome.log


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete"])
def test_both_clients_ask_the_same(method: str):
    asked: list[Request] = []

    class Listening:
        def send(self, request: Request) -> Response:
            asked.append(request)
            return Response(204)

        async def exchange(self, request: Request) -> Response:
            return self.send(request)

    def ask(client: Any) -> Any:
        return getattr(client, method)("/things/{id}", path={"id": "a/b"}, query={"x": 1}, headers={"X-One": "1"})

    plain: HttpAnswer = ask(Http(Listening(), "https://shop.example"))
    awaited: HttpAnswer = asyncio.run(ask(AsyncHttp(Listening(), "https://shop.example")))

    assert asked[0] == asked[1]
    assert plain.response == awaited.response


def no_await(http: AsyncHttp) -> dict[str, Any]: ...


async def plain_client(http: Http) -> dict[str, Any]: ...


def yields(http: Http) -> Any:
    yield {}


async def yields_too(http: AsyncHttp) -> Any:
    yield {}


@pytest.mark.parametrize(
    ("handler", "what"),
    [
        (no_await, "no_await asks for an AsyncHttp: make it `async def`, or annotate it as Http"),
        (plain_client, "plain_client is `async def`: annotate Http as AsyncHttp, and await its answers"),
        (yields, "yields must return its output instead of yielding it"),
        (yields_too, "yields_too must return its output instead of yielding it"),
    ],
)
def test_a_handler_whose_client_does_not_fit_is_told_what_to_change(handler: Callable[..., Any], what: str):
    with pytest.raises(ConnectorMistake) as mistake:
        Connector("https://shop.example").operation(handler)

    assert str(mistake.value) == what


def test_a_timed_out_request_is_a_typed_error(service: FakeService):
    service.get("/products/9", error=TimedOut("too slow"))

    with pytest.raises(TimedOut):
        run(get_pair, Pair(1, 9), service=service)
