"""What we want a call to cost, beside the floors and the peers of the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.hubs import ASYNC, DECLARATIVE, THREADS
from bench.peers import NODE_RED, OFFICIAL
from bench.results import BARE_CLIENT, DIRECT, PROXY, Results
from bench.variants import Case

LOADED = (16, 64)  # connections at which ratios are taken: the worse of the two counts
RPS, CPU, P50 = "requests_per_second", "cpu_us", "p50_ms"
TWO = ", 2 processes"


@dataclass(frozen=True)
class Target:
    """One thing we want. `must` is what we promise, `aim` what we would like."""

    name: str
    must: float
    aim: float
    measure: Callable[[Results], float | None]
    is_at_most: bool = False
    unit: str = "×"

    def verdict(self, results: Results) -> Verdict | None:
        """Return how it stands, or None when this run did not measure it."""
        measured = self.measure(results)
        return None if measured is None else Verdict(self, measured)


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured."""

    target: Target
    measured: float

    def __str__(self) -> str:
        target, sign = self.target, "≤" if self.target.is_at_most else "≥"
        return (
            f"{target.name}: {_number(self.measured)} {target.unit} "
            f"(must {sign} {_number(target.must)}: {self._against(target.must)}; "
            f"aim {sign} {_number(target.aim)}: {self._against(target.aim)})"
        )

    @property
    def is_met(self) -> bool:
        return self._distance(self.target.must) <= 0

    def _against(self, wanted: float) -> str:
        distance = self._distance(wanted)
        return "met" if distance <= 0 else f"**missed by {_number(distance)}**"

    def _distance(self, wanted: float) -> float:
        return self.measured - wanted if self.target.is_at_most else wanted - self.measured


def verdicts(results: Results) -> Iterator[Verdict]:
    for target in TARGETS:
        verdict = target.verdict(results)
        if verdict is not None:
            yield verdict


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _worst_ratio(variant: str, floor: str, what: str) -> Callable[[Results], float | None]:
    def measure(results: Results) -> float | None:
        found = [results.ratio(variant, floor, connections, what) for connections in LOADED]
        known = [one for one in found if one is not None]
        worst = max if what == CPU else min
        return worst(known) if known else None

    return measure


def _difference(
    variant: str, other: str, connections: int, what: str, case: Case = Case.QUICK
) -> Callable[[Results], float | None]:
    def measure(results: Results) -> float | None:
        own = results.find(variant, connections, what, case)
        its = results.find(other, connections, what, case)
        return None if own is None or its is None else own - its

    return measure


def _spread(variant: str) -> Callable[[Results], float | None]:
    def measure(results: Results) -> float | None:
        rows = [row for row in results.steady if row.variant == variant]
        return rows[0].p99_ms / rows[0].p50_ms if rows else None

    return measure


def _largest_worker(results: Results) -> float | None:
    return max(results.worker_mb, default=None)


TARGETS = (
    Target("declarative, requests a second beside the nginx proxy", 0.04, 0.08, _worst_ratio(DECLARATIVE, PROXY, RPS)),
    Target(
        "declarative, CPU beside the nginx proxy", 28, 16, _worst_ratio(DECLARATIVE, PROXY, CPU), is_at_most=True
    ),
    Target(
        "declarative, requests a second beside a bare client", 0.30, 0.60, _worst_ratio(DECLARATIVE, BARE_CLIENT, RPS)
    ),
    Target("code, requests a second beside a bare client", 0.25, 0.45, _worst_ratio(THREADS, BARE_CLIENT, RPS)),
    Target("`async def`, requests a second beside a bare client", 0.25, 0.45, _worst_ratio(ASYNC, BARE_CLIENT, RPS)),
    Target(
        "declarative, added to a bare client's p50, one at a time",
        1.2, 0.6, _difference(DECLARATIVE, BARE_CLIENT, 1, P50), is_at_most=True, unit="ms",
    ),
    Target(
        "code, added to declarative's p50, one at a time",
        1.0, 0.5, _difference(THREADS, DECLARATIVE, 1, P50), is_at_most=True, unit="ms",
    ),
    Target(
        "code, added to declarative's CPU, 64 at a time",
        120, 70, _difference(THREADS, DECLARATIVE, 64, CPU), is_at_most=True, unit="µs",
    ),
    Target(
        "declarative, added to 50 ms, 256 at a time, p50",
        30, 5, _difference(DECLARATIVE, DIRECT, 256, P50, Case.SLOW), is_at_most=True, unit="ms",
    ),
    Target("declarative, p99 by p50, 64 at a time for half a minute", 5, 2.5, _spread(DECLARATIVE), is_at_most=True),
    Target("code, p99 by p50, 64 at a time for half a minute", 5, 2.5, _spread(THREADS), is_at_most=True),
    Target(
        "declarative, two processes beside one, requests a second",
        1.15, 1.25, lambda results: results.ratio(DECLARATIVE + TWO, DECLARATIVE, 64, RPS),
    ),
    Target("declarative beside the official runtime", 1.1, 2.0, _worst_ratio(DECLARATIVE, OFFICIAL, RPS)),
    Target("code beside the official runtime", 0.9, 1.4, _worst_ratio(THREADS, OFFICIAL, RPS)),
    Target("declarative beside Node-RED", 3.0, 6.0, _worst_ratio(DECLARATIVE, NODE_RED, RPS)),
    Target("code beside Node-RED", 2.5, 4.0, _worst_ratio(THREADS, NODE_RED, RPS)),
    Target(
        "memory of an idle hub, all its processes",
        150, 90, lambda results: results.idle_mb, is_at_most=True, unit="MB",
    ),
    Target("memory of a warm worker", 20, 16, _largest_worker, is_at_most=True, unit="MB"),
)  # fmt: skip
