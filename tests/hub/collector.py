"""A collector of spans: it takes what OTLP over HTTP brings, decodes it, and keeps it. It can be made to break."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.hub.shop import answering


@dataclass(frozen=True)
class SpanTold:
    """One span, as it was told."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]
    is_error: bool


@dataclass
class Collector:
    """What was sent so far. `status` is what it answers."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list[bytes])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    spans: list[SpanTold] = field(default_factory=list[SpanTold])

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.status == 200:
            self.spans += _spans(ExportTraceServiceRequest.FromString(body))
        content = ExportTraceServiceResponse().SerializeToString()
        return web.Response(status=self.status, body=content, content_type="application/x-protobuf")

    def named(self, name: str) -> list[SpanTold]:
        return [span for span in self.spans if span.name == name]


@asynccontextmanager
async def collecting() -> AsyncGenerator[Collector]:
    """Run a collector on a free port of loopback."""
    collector = Collector()
    async with answering(collector.answer) as url:
        collector.url = f"{url}/v1/traces"
        yield collector


def _spans(told: ExportTraceServiceRequest) -> list[SpanTold]:
    spans = [span for resource in told.resource_spans for scope in resource.scope_spans for span in scope.spans]
    return [
        SpanTold(
            name=span.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            attributes=_values(span.attributes),
            events=[_values(event.attributes) for event in span.events],
            is_error=span.status.code == span.status.STATUS_CODE_ERROR,
        )
        for span in spans
    ]


def _values(attributes: Sequence[Any]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
