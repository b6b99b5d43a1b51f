"""The way of connectors' requests out of this hub, as its operator wants it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from jackfield.egress.engine import Engine
from jackfield.egress.limits import Limits
from jackfield.egress.terms import Attempt, Terms
from jackfield_hub.logs import tell
from jackfield_hub.metrics.numbers import Numbers
from jackfield_hub.settings import Settings

if TYPE_CHECKING:
    from jackfield_hub.traces.spans import Traces


def open_egress(settings: Settings, numbers: Numbers | None = None, traces: Traces | None = None) -> Engine:
    """Return the engine all requests of this process go through, counted and traced. Close it in the end."""
    limits = Limits(
        max_raw_bytes=min(Limits.max_raw_bytes, settings.max_answer_bytes),
        max_body_bytes=settings.max_answer_bytes,
        requests_per_second=settings.third_party_requests_per_second,
    )

    @lru_cache(maxsize=10_000)
    def terms(organization_id: str) -> Terms:
        return Terms(
            networks=settings.organization_networks.get(organization_id, ()),
            allow_metadata=settings.allow_metadata,
            authorities=settings.organization_authorities.get(organization_id),
        )

    def watch(attempt: Attempt) -> None:
        _say(attempt)
        if numbers is not None:
            numbers.count_attempt(attempt)
        if traces is not None:
            traces.tell(attempt)

    return Engine(limits, terms=terms, watch=watch)


def _say(attempt: Attempt) -> None:
    tell(
        "third_party",
        organization=attempt.owner,
        method=attempt.method,
        host=attempt.host,
        path=attempt.path,
        attempt=attempt.number,
        status=attempt.status,
        bytes=attempt.received_bytes,
        ms=round(attempt.milliseconds, 1),
    )
