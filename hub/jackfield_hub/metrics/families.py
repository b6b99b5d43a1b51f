"""A process's numbers as Prometheus knows them: families of samples with labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from jackfield_hub.calls.ledger.service import Ledger
from jackfield_hub.hub import Hub
from jackfield_hub.jobs.service import Waiting
from jackfield_hub.log_lines import lines
from jackfield_hub.metrics.numbers import BOUNDS_SECONDS, Durations, Numbers

PREFIX = "jackfield_"
PROCESS = "process"  #: the label that says which of the hub's processes has counted
_Counted = Mapping[str, int] | Mapping[tuple[str, str], int] | Mapping[tuple[str, int], int]
_NOT_LIMITS = ("started", "ended", "calls", "cut_logs")


def of_process(hub: Hub) -> Iterator[Metric]:
    """Yield what this process has counted, and how it is."""
    yield from _of_calls(hub.numbers)
    yield from _of_requests(hub.numbers)
    yield from _of_third_parties(hub)
    yield from _of_ledger(hub.ledger)
    yield from _of_workers(hub.workers.counters)
    yield from _of_caches(hub)
    yield CounterMetricFamily(f"{PREFIX}log_lines_lost", "Log lines that nobody took in time.", lines.lost)
    yield _gauge("calls_running", "Calls that run now.", hub.running_calls)
    yield _gauge("draining", "1 while the process finishes what it has and takes no more.", int(hub.is_draining))
    yield _counters("renewals", "Access tokens renewed, or why not.", ["result"], hub.numbers.renewals)
    yield _counters("deployments", "Deployments that ended, by state.", ["state"], hub.numbers.deployments)
    if hub.traces is not None:
        outbox = hub.traces.outbox
        spans = {"sent": outbox.sent, "dropped": outbox.dropped}
        yield _counters("spans", "Spans for the collector; dropped: it has never seen them.", ["result"], spans)
    yield from ProcessCollector(registry=None).collect()


def of_queue(waiting: Iterable[Waiting], now: float) -> Iterator[Metric]:
    """Yield how many jobs nobody has begun; all processes share them."""
    jobs = GaugeMetricFamily(f"{PREFIX}jobs_waiting", "Jobs that could run and do not yet.", labels=["kind"])
    oldest = GaugeMetricFamily(f"{PREFIX}jobs_oldest_seconds", "How long the oldest has waited.", labels=["kind"])
    for one in waiting:
        jobs.add_metric([one.kind], one.jobs)
        oldest.add_metric([one.kind], max(0.0, now - one.since))
    yield from (jobs, oldest)


def database_answers(is_up: bool) -> Metric:
    return _gauge("database_up", "1 when the database has answered, just now.", int(is_up))


def _of_calls(numbers: Numbers) -> Iterator[Metric]:
    about = "Calls that were run, by outcome; the code of an error says whose turn it is."
    yield _counters("calls", about, ["outcome", "code"], numbers.calls)
    yield _histogram("call_duration_seconds", "How long calls took.", numbers.call_durations)
    if numbers.connectors:
        yield _counters("connector_calls", "Calls by connector.", ["connector", "outcome"], numbers.connectors)


def _of_requests(numbers: Numbers) -> Iterator[Metric]:
    yield _counters("requests", "Requests to the hub, by address and status.", ["address", "status"], numbers.requests)
    yield _counters("refused", "Requests that were not served, by reason.", ["reason"], numbers.refused)


def _of_third_parties(hub: Hub) -> Iterator[Metric]:
    numbers = hub.numbers
    about = "Requests to third parties by class of status; none: no answer came."
    yield _counters("third_party_requests", about, ["status"], numbers.third_party)
    yield _histogram("third_party_duration_seconds", "How long their answers took.", numbers.third_party_durations)
    about = "Requests to third parties that were sent again."
    yield CounterMetricFamily(f"{PREFIX}third_party_retries", about, numbers.third_party_retries)
    yield _gauge("third_party_resting", "Hosts left alone for a while: they failed too often.", hub.egress.resting)


def _of_workers(counters: Mapping[str, int]) -> Iterator[Metric]:
    started, ended = counters.get("started", 0), counters.get("ended", 0)
    yield _gauge("workers", "Worker processes that live.", started - ended)
    yield CounterMetricFamily(f"{PREFIX}workers_started", "Worker processes started.", started)
    yield CounterMetricFamily(f"{PREFIX}workers_ended", "Worker processes that are gone.", ended)
    limits = {kind: number for kind, number in counters.items() if kind not in _NOT_LIMITS}
    yield _counters("worker_limits", "Calls that met a limit or lost their worker.", ["kind"], limits)


def _of_caches(hub: Hub) -> Iterator[Metric]:
    looks = CounterMetricFamily(f"{PREFIX}cache_looks", "Looks into a cache.", labels=["cache", "result"])
    caches = {"connectors": hub.known_connectors, "lists": hub.known_lists, "auths": hub.known_auths}
    for name, cache in caches.items():
        looks.add_metric([name, "hit"], cache.hits)
        looks.add_metric([name, "miss"], cache.misses)
    yield looks


def to_json(families: Iterable[Metric]) -> list[Any]:
    """Return families as another process is told them; `from_json` makes them families again."""
    return [
        [family.name, family.documentation, family.type, [sample[:3] for sample in family.samples]]
        for family in families
    ]


def from_json(told: Iterable[Any]) -> Iterator[Metric]:
    for name, about, kind, samples in told:
        family = Metric(name, about, kind)
        for sample in samples:
            family.add_sample(*sample)
        yield family


def merged(families: Iterable[Metric]) -> list[Metric]:
    """Return each family once, with the samples of all processes."""
    by_name: dict[str, Metric] = {}
    for family in families:
        known = by_name.setdefault(family.name, family)
        if known is not family:
            known.samples.extend(family.samples)
    return list(by_name.values())


def _of_ledger(ledger: Ledger) -> Iterator[Metric]:
    yield _gauge("ledger_waiting", "Calls and claims that wait to be stored.", ledger.waiting)
    about = "Calls and claims that were stored; together with batches: how many share a commit."
    yield CounterMetricFamily(f"{PREFIX}ledger_entries", about, ledger.stored)
    yield _histogram("ledger_commit_seconds", "How long it took to store a batch of them.", ledger.durations)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, about, value)


def _counters(name: str, about: str, labels: list[str], counted: _Counted) -> Metric:
    family = CounterMetricFamily(PREFIX + name, about, labels=labels)
    for key, number in list(counted.items()):
        family.add_metric([str(part) for part in (key if isinstance(key, tuple) else (key,))], number)
    return family


def _histogram(name: str, about: str, durations: Durations) -> Metric:
    ends = [*(str(bound) for bound in BOUNDS_SECONDS), "+Inf"]
    family = HistogramMetricFamily(PREFIX + name, about)
    family.add_metric([], list(zip(ends, accumulate(durations.counts), strict=True)), durations.seconds)
    return family


def with_process(families: Iterable[Metric], process: str) -> list[Metric]:
    """Return the families with the label that says who has counted."""
    told = list(families)
    for family in told:
        family.samples = [sample._replace(labels={**sample.labels, PROCESS: process}) for sample in family.samples]
    return told
