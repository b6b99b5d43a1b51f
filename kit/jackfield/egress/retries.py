"""When to try again, and when to stop trying."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from jackfield.exchange import Request, Response

MAX_ATTEMPTS = 3
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 2.0


def may_repeat(request: Request) -> bool:
    """Whether sending the request twice does no more than sending it once."""
    if request.is_idempotent is not None:
        return request.is_idempotent
    return request.method in IDEMPOTENT_METHODS


def retry_after_seconds(response: Response) -> float | None:
    """Return how long the third party asks us to wait: "120" or a date. None when it does not say, or says nonsense."""
    text = (response.header("Retry-After") or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def backoff_seconds(attempt: int) -> float:
    """Return a random pause before attempt 2, 3, ...: at most 0.2 s, 0.4 s, 0.8 s ... 2 s. Spread out, on purpose."""
    return random.uniform(0, min(_MAX_BACKOFF_SECONDS, _BACKOFF_SECONDS * 2 ** (attempt - 2)))  # noqa: S311


class RetryBudget:
    """At most one retry for every ten requests, after a small start-up capital: a dying service is not finished off."""

    def __init__(self, capital: float = 10.0, per_request: float = 0.1) -> None:
        self._most = capital
        self._left = capital
        self._per_request = per_request

    def earn(self) -> None:
        """Count a request that was sent for the first time."""
        self._left = min(self._most, self._left + self._per_request)

    def spend(self) -> bool:
        """Take one retry out of the budget. False when there is none left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
