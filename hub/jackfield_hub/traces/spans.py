"""Spans, as OpenTelemetry knows them: what was called, where a request went, how it ended, and how long it took.

    whoever calls us (traceparent) ─→ call ─┬─→ request to a third party ─ an event for each time it was sent
                                            └─→ another one

Never in a span: input, output, headers, bodies, queries, messages of errors, secrets.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from jackfield.egress.terms import Attempt
from jackfield.errors import OperationError
from jackfield.exchange import Request
from jackfield_hub.settings import Settings
from jackfield_hub.traces.outbox import Outbox
from jackfield_hub.traces.shapes import AboutCall

PARENT = "traceparent"
COLLECTOR_SECONDS = 5.0  # for one batch, tries again included
_NAME = "jackfield"


class CallSpan:
    """The span of a call that runs."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def ended(self, outcome: str, code: str | None) -> None:
        """Say how the call ended. `code` is one of ours."""
        self._span.set_attribute("jackfield.outcome", outcome)
        if code is not None:
            self._span.set_attribute("error.type", code)
            self._span.set_status(Status(StatusCode.ERROR))


class Traces:
    """Makes the spans of one process and sends them to a collector."""

    def __init__(self, settings: Settings) -> None:
        # A collector that is away is said once, by the outbox.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self.outbox = Outbox(
            OTLPSpanExporter(
                settings.traces_url,
                headers={name: value.get_secret_value() for name, value in settings.traces_headers.items()},
                timeout=COLLECTOR_SECONDS,
                compression=Compression.Gzip,
            )
        )
        share = TraceIdRatioBased(settings.traces_share)
        # Whoever calls may keep a call out of the traces, but not force it into them: that is the operator's to say.
        sampler = ParentBased(root=share, remote_parent_sampled=share, remote_parent_not_sampled=ALWAYS_OFF)
        about = {"service.name": "jackfield-hub", "service.version": version("jackfield-hub")}
        self._provider = TracerProvider(sampler=sampler, resource=Resource(about), shutdown_on_exit=False)
        self._provider.add_span_processor(self.outbox)
        self._tracer = self._provider.get_tracer(_NAME)
        self._texts = TraceContextTextMapPropagator()
        self._tells_third_parties = settings.traces_to_third_parties

    async def close(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)

    def remember(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take what follows in this task for part of the trace that these headers name, if they name one."""
        for name, value in headers:
            if name == b"traceparent":
                context.attach(self._texts.extract({PARENT: value.decode("latin-1")}, Context()))
                return

    def here(self) -> Context:
        """Return where in a trace we are, for a task that goes on with it."""
        return context.get_current()

    @contextmanager
    def call(self, about: AboutCall) -> Generator[CallSpan]:
        """The call that runs in the block."""
        attributes = {
            "jackfield.organization_id": about.organization_id,
            "jackfield.connector": about.connector,
            "jackfield.connector_version": about.version,
            "jackfield.operation": about.operation,
            "jackfield.request_id": about.request_id,
        }
        with self._span("call", SpanKind.SERVER, attributes) as span:
            yield CallSpan(span)

    @contextmanager
    def request(self, asked: Request, parent: Context) -> Generator[Request]:
        """The request to a third party that is sent in the block. Yields it as it is to be sent."""
        with self._span("request", SpanKind.CLIENT, {"http.request.method": asked.method}, parent) as span:
            yield self._told(asked, span) if self._tells_third_parties else asked

    def tell(self, attempt: Attempt) -> None:
        """Write down that the request of the current span was sent, once more or for the first time."""
        span = trace.get_current_span()
        if not span.is_recording():
            return
        host, _, port = attempt.host.rpartition(":")
        said: dict[str, str | int] = {"server.address": attempt.host, "url.path": attempt.path}
        if host and port.isdecimal():
            said |= {"server.address": host, "server.port": int(port)}
        if attempt.status is not None:
            said["http.response.status_code"] = attempt.status
        span.set_attributes(said)
        if attempt.number > 1:
            span.set_attribute("http.request.resend_count", attempt.number - 1)
        span.add_event("sent", {**said, "jackfield.milliseconds": attempt.milliseconds})

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, attributes: dict[str, str], parent: Context | None = None
    ) -> Generator[Span]:
        # The text of an exception may hold anything: the class has to do.
        with self._tracer.start_as_current_span(
            name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as failure:
                is_result = isinstance(failure, OperationError)
                span.set_attribute("error.type", failure.code if is_result else type(failure).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise

    def _told(self, asked: Request, span: Span) -> Request:
        if any(name.lower() == PARENT for name, _ in asked.headers):
            return asked
        headers: dict[str, str] = {}
        self._texts.inject(headers, trace.set_span_in_context(span, Context()))
        return replace(asked, headers=(*asked.headers, *((name, headers[name]) for name in headers if name == PARENT)))
