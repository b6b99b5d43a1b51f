"""Traces: what a collector is told of calls and requests, and what nobody is told. The collector is a real one."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from pydantic import SecretStr

from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.settings import SettingMistake, Settings, read_settings
from jackfield_hub.traces.outbox import MAX_WAITING, Outbox
from tests.hub.collector import Collector, collecting
from tests.hub.connectors import until
from tests.hub.people import Person
from tests.hub.shop import KEY, ThirdParty, put_in_place, third_party

CALL = "/core/v1/connectors/shop/versions/1.0/call"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
async def collector() -> AsyncGenerator[Collector]:
    async with collecting() as collector:
        yield collector


@pytest.fixture
def settings(settings: Settings, collector: Collector) -> Settings:
    return settings.model_copy(
        update={"traces_url": collector.url, "traces_headers": {"X-Scope": SecretStr("canary-collector-key")}}
    )


@pytest.fixture
async def shop(hub: Hub, alice: Person) -> AsyncGenerator[ThirdParty]:
    async with third_party() as shop:
        await put_in_place(hub, alice.organization_id, shop.url, sign_in='ApiKey("X-Key")')
        yield shop


async def stored(person: Person) -> str:
    environments = (await person.get("/core/v1/services/shop/versions/1/environments")).json["elements"]
    wanted = {"name": "Mine", "serviceEnvironmentId": environments[0]["id"], "credentials": {"apiKey": KEY}}
    return (await person.post("/core/v1/authentications", wanted)).json["id"]


async def call(person: Person, operation: str, given: Any, parent: str = PARENT, **more: Any) -> Any:
    body = orjson.dumps({"operation": operation, "input": given, "authId": await stored(person), **more})
    return (await person.send("POST", CALL, body, {"traceparent": parent})).json


async def test_a_call_and_its_requests_are_spans_of_the_callers_trace(
    alice: Person, shop: ThirdParty, collector: Collector
) -> None:
    await call(alice, "get_product", {"product_id": 7})
    await until(lambda: len(collector.spans) == 2)

    [called], [request] = collector.named("call"), collector.named("request")
    assert (called.trace_id, called.parent_id) == (TRACE, SPAN)
    assert (request.trace_id, request.parent_id) == (TRACE, called.span_id)
    assert called.attributes["jackfield.operation"] == "get_product"
    assert called.attributes["jackfield.outcome"] == "success"
    assert not called.is_error
    assert request.attributes["url.path"] == "/products/7"
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["server.port"] == int(shop.url.rpartition(":")[2])
    assert collector.headers[0]["x-scope"] == "canary-collector-key"


async def test_a_request_that_is_sent_again_says_so(alice: Person, shop: ThirdParty, collector: Collector) -> None:
    answer = await call(alice, "get_product", {"product_id": 503})
    await until(lambda: len(collector.spans) == 2)

    [called], [request] = collector.named("call"), collector.named("request")
    assert answer["outcome"] == "error"
    assert called.is_error
    assert called.attributes["error.type"] == "#api_error"
    assert request.attributes["http.request.resend_count"] == len(request.events) - 1 == 2


async def test_no_secret_and_no_payload_is_in_a_span(alice: Person, shop: ThirdParty, collector: Collector) -> None:
    await call(alice, "order_product", {"product_id": 1, "note": "canary-input"})
    await call(alice, "stumble", {})
    await alice.post(CALL, {"operation": "canary-refused", "input": {}})
    await until(lambda: len(collector.spans) == 3)

    told = b"".join(collector.bodies)
    for word in (KEY, alice.token, "canary", "Hammer", "payload-of-the-mistake"):
        assert word.encode() not in told


async def test_third_parties_are_told_nothing_unless_the_operator_says_so(
    alice: Person, shop: ThirdParty, collector: Collector
) -> None:
    await call(alice, "get_product", {"product_id": 7})

    assert [headers.get("traceparent") for headers in shop.headers] == [None]


async def test_nobody_can_force_a_call_into_the_traces(
    settings: Settings, alice: Person, shop: ThirdParty, hub: Hub, collector: Collector
) -> None:
    await call(alice, "get_product", {"product_id": 7}, parent=f"00-{TRACE}-{SPAN}-00")
    for strange in ("", "00-" + "0" * 32 + f"-{SPAN}-01", "\xff" * 500, "ff-nonsense"):
        assert (await call(alice, "get_product", {"product_id": 7}, parent=strange))["outcome"] == "success"
    await until(lambda: len(collector.named("call")) == 4)

    assert TRACE not in {span.trace_id for span in collector.spans}


async def test_a_collector_that_is_away_holds_no_call_back(
    alice: Person, shop: ThirdParty, hub: Hub, collector: Collector
) -> None:
    collector.status = 400
    assert hub.traces is not None

    for _ in range(3):
        assert (await call(alice, "get_product", {"product_id": 7}))["outcome"] == "success"
    outbox = hub.traces.outbox
    await until(lambda: outbox.dropped == 6)
    collector.status = 200
    await call(alice, "get_product", {"product_id": 7})
    await until(lambda: len(collector.spans) == 2)

    assert (outbox.sent, outbox.dropped, outbox.waiting) == (2, 6, 0)


class _Stuck(SpanExporter):
    """A collector that takes a batch and never lets go."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.is_asked = False

    def export(self, spans: Any) -> SpanExportResult:
        self.is_asked = True
        self.near.recv(1)
        return SpanExportResult.FAILURE


async def test_what_waits_is_bounded_and_what_is_dropped_is_counted() -> None:
    stuck = _Stuck()
    outbox = Outbox(stuck)
    span = ReadableSpan("call")
    outbox.on_end(span)
    await until(lambda: stuck.is_asked)

    for _ in range(MAX_WAITING + 100):
        outbox.on_end(span)

    assert (outbox.waiting, outbox.dropped) == (MAX_WAITING, 100)
    stuck.near.shutdown(socket.SHUT_RDWR)
    outbox.shutdown()
    await until(lambda: outbox.dropped == MAX_WAITING + 101)


async def test_a_hub_that_stops_sends_what_it_has(settings: Settings, collector: Collector) -> None:
    async with open_hub(settings) as hub:
        assert hub.traces is not None
        with hub.traces._tracer.start_as_current_span("last"):
            pass

    assert [span.name for span in collector.spans] == ["last"]


class TestWithThirdPartiesTold:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"traces_to_third_parties": True})

    async def test_a_third_party_is_told_the_span_of_its_own_request(
        self, alice: Person, shop: ThirdParty, collector: Collector
    ) -> None:
        await call(alice, "get_product", {"product_id": 7})
        await until(lambda: len(collector.spans) == 2)

        [request] = collector.named("request")
        assert [headers["traceparent"] for headers in shop.headers] == [f"00-{TRACE}-{request.span_id}-01"]


class TestWithoutTheSetting:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"traces_url": ""})

    async def test_there_are_no_spans(self, hub: Hub, alice: Person, shop: ThirdParty, collector: Collector) -> None:
        await call(alice, "get_product", {"product_id": 7})

        assert hub.traces is None
        assert collector.bodies == []


def test_an_address_that_is_no_collectors_is_refused_at_the_start() -> None:
    with pytest.raises(SettingMistake, match="JACKFIELD_TRACES_URL: must be an address"):
        read_settings(traces_url="collector:4318")
