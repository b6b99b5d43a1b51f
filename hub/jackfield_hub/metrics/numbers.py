"""What has happened in this process, in plain numbers: counting is an addition, and all the rest is for who asks.

Whatever becomes a label is bounded: outcomes, codes and classes of ours, statuses, addresses as templates. Names that
tenants have chosen are left out, but for the connectors an operator wants to tell apart, and of those the first few.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from jackfield.egress.terms import Attempt
from jackfield.errors import OperationError
from jackfield_hub.errors import Refused

#: The upper ends of a histogram's ranges, in seconds; above the last one there is no end.
BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
OTHER = "other"


class Durations:
    """How long something took, in ranges. `counts` has one entry more than there are bounds."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.seconds += seconds


class Numbers:
    """Counters of one process. They start at nothing when it starts, as Prometheus expects."""

    def __init__(self, max_connectors: int = 0) -> None:
        """`max_connectors` is how many connectors are told apart by their names."""
        self.calls: defaultdict[tuple[str, str], int] = defaultdict(int)  #: by outcome and code
        self.call_durations = Durations()
        self.connectors: dict[tuple[str, str], int] = {}  #: calls by connector and outcome
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)  #: by address and status
        self.refused: defaultdict[str, int] = defaultdict(int)  #: by class of refusal
        self.third_party: defaultdict[str, int] = defaultdict(int)  #: by class of status, such as "2xx"
        self.third_party_durations = Durations()
        self.third_party_retries = 0
        self.renewals: defaultdict[str, int] = defaultdict(int)  #: by "renewed", or why not
        self.deployments: defaultdict[str, int] = defaultdict(int)  #: ended, by state
        self._max_connectors = max_connectors
        self._named: set[str] = set()
        self._codes = frozenset(_codes(OperationError))

    def count_call(self, connector: str, outcome: str, code: str | None, milliseconds: float) -> None:
        self.calls[outcome, self.known_code(code) or ""] += 1
        self.call_durations.add(milliseconds / 1000)
        if self._max_connectors:
            key = self._name_of(connector), outcome
            self.connectors[key] = self.connectors.get(key, 0) + 1

    def known_code(self, code: str | None) -> str | None:
        """Return the code of an error if it is one of ours. A connector's process wrote it: it may be anything."""
        return code if code is None or code in self._codes else OTHER

    def count_request(self, address: str | None, status: int) -> None:
        """`address` is a template, such as `/v1/me`; None for one that does not exist."""
        self.requests[address or OTHER, status] += 1

    def count_refusal(self, refusal: Refused) -> None:
        self.refused[type(refusal).__name__] += 1

    def count_attempt(self, attempt: Attempt) -> None:
        """Count one request to a third party."""
        self.third_party["none" if attempt.status is None else f"{attempt.status // 100}xx"] += 1
        self.third_party_durations.add(attempt.milliseconds / 1000)
        self.third_party_retries += attempt.number > 1

    def _name_of(self, connector: str) -> str:
        if connector in self._named:
            return connector
        if len(self._named) >= self._max_connectors:
            return OTHER
        self._named.add(connector)
        return connector


def _codes(kind: type[OperationError]) -> Iterator[str]:
    yield kind.code
    for narrower in kind.__subclasses__():
        yield from _codes(narrower)
