"""Spans that wait for the collector. Whoever ends a span never waits for it.

span ended ─→ waiting, so many at most ─→ one thread ─→ collector
                 └─ full: dropped, and counted     └─ does not take them: dropped, and counted
"""

from __future__ import annotations

import threading
from collections import deque

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from jackfield_hub.logs import describe, log

MAX_WAITING = 4096
BATCH = 512
SEND_SECONDS = 1.0  # how often what waits is sent, if it does not make a batch earlier
LAST_SECONDS = 2.0  # how long a stopping hub waits for the collector


class Outbox(SpanProcessor):
    """Hands spans to an exporter on a thread of its own."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.sent = 0
        self.dropped = 0  #: ended, and never seen by the collector
        self._exporter = exporter
        self._waiting: deque[ReadableSpan] = deque()
        self._wake = threading.Event()
        self._is_closing = False
        self._is_failing = False
        self._sender = threading.Thread(target=self._send_until_closed, name="traces", daemon=True)
        self._sender.start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def on_end(self, span: ReadableSpan) -> None:
        if self._is_closing or len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(span)
        if len(self._waiting) >= BATCH:
            self._wake.set()

    def shutdown(self) -> None:
        """Send what waits, as far as the collector takes it in time."""
        self._is_closing = True
        self._wake.set()
        self._sender.join(LAST_SECONDS)
        self._exporter.shutdown()  # ends a pause before another try

    def _send_until_closed(self) -> None:
        while not self._is_closing:
            self._wake.wait(SEND_SECONDS)
            self._wake.clear()
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while self._waiting:
            # Only this thread takes spans out.
            self._send([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

    def _send(self, batch: list[ReadableSpan]) -> None:
        try:
            is_taken = self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception as failure:  # the thread outlives every failure, or no span would leave any more
            log.error("traces_broke", **describe(failure))
            is_taken = False
        self.sent += len(batch) * is_taken
        self.dropped += len(batch) * (not is_taken)
        if is_taken is self._is_failing:
            self._is_failing = not is_taken
            log.warning("traces_not_taken" if self._is_failing else "traces_taken_again", dropped=self.dropped)
