"""What the jail costs, and what a worker's neighbours feel of it: part of `make bench`.

Both rungs are compared with workers that have no jail (R4), by turns and in one run.

warm         one call after another in a worker that lives, and the same with a request to a third party in it, all
             on one processor
cold         the first call of an organization: a worker is forked, confined, and imports the connector
alone        the same call in a process of its own (isolation: call): one that waits, and one call right after another
deadline     a loop that blocks every signal: how long after its deadline it is answered, and its process gone
neighbour    calls of one organization while another one crashes, takes memory, floods its log, answers 100 MB
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from statistics import median, quantiles

import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from bench.processes import tree
from bench.results import RESULTS
from bench.variants import environment
from jackfield.exchange import Request, Response
from jackfield.manifest import Isolation
from jackfield.runner import Call
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, Overloaded, Pool, WorkerKey, WorkerOutcome

CODE = """
import os, signal, time
from dataclasses import dataclass
from jackfield import Connector, Http

small = Connector("https://api.small.example")

@dataclass
class Text:
    text: str = ""

@small.operation
def echo(text: Text) -> dict:
    return {"text": text.text}

@small.operation
def ask(text: Text, http: Http) -> dict:
    return http.get("/things/1").json()

@small.operation
def loop() -> dict:
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        pass

@small.operation
def crash() -> dict:
    os._exit(1)

@small.operation
def grow() -> dict:
    return {"length": len([b"x" * (1 << 20) for _ in range(2000)])}

@small.operation
def flood() -> dict:
    for _ in range(2000):
        print("x" * 4096)
        os.write(2, b"y" * 4096)
    return {}

@small.operation
def answer_much() -> dict:
    return {"text": "x" * (100 << 20)}
"""

CONNECTOR = {
    "name": "small",
    "version": "1.0",
    "title": "Small",
    "description": "For the bench.",
    "service": {"name": "small", "version": "1"},
}
BASE_URL = "https://api.small.example"
PATIENCE_SECONDS = 30.0
DEADLINE_SECONDS = 0.3
NUISANCES = ("crash", "grow", "flood", "answer_much")
THE_ANSWER = Response(200, (("Content-Type", "application/json"),), b'{"id": 1}')


@dataclass(frozen=True)
class Row:
    """One number of one rung, and what it is beside the same without a jail, or the same alone."""

    what: str
    rung: str
    milliseconds: float
    beside: float | None = None
    target: str = ""


class Subject:
    """Workers of one rung, and one connector."""

    def __init__(self, pool: Pool, bundle: Bundle) -> None:
        self.pool = pool
        self._bundle = bundle
        self._strangers = count()

    async def call(
        self, operation: str, organization: str = "alice", seconds: float = PATIENCE_SECONDS
    ) -> WorkerOutcome:
        key = WorkerKey(organization, "small~1.0", self._bundle.digest)
        return await self.pool.call(key, self._bundle, Call(operation, {}, BASE_URL), _send, time.monotonic() + seconds)

    async def timed(self, operation: str, organization: str = "alice") -> float:
        """Return the milliseconds of one call, which must succeed."""
        began = time.perf_counter()
        outcome = await self.call(operation, organization)
        assert outcome.is_success, outcome
        return (time.perf_counter() - began) * 1000

    async def cold(self) -> float:
        return await self.timed("echo", f"stranger-{next(self._strangers)}")

    async def alone(self, pause: float) -> float:
        """Return the milliseconds of one call in a process that has run nothing else."""
        await asyncio.sleep(pause)
        key = WorkerKey("alone", "small~1.0", self._bundle.digest)
        own = replace(self._bundle, isolation=Isolation.CALL)
        began = time.perf_counter()
        call, deadline = Call("echo", {}, BASE_URL), time.monotonic() + PATIENCE_SECONDS
        outcome = await self.pool.call(key, own, call, _send, deadline)
        assert outcome.is_success, outcome
        return (time.perf_counter() - began) * 1000

    async def overdue(self) -> tuple[float, float]:
        """Return how many milliseconds after its deadline a loop is answered, and its process gone."""
        await self.timed("echo", "looper")
        before = set(tree(self.pool.first_pid or 0))
        began = time.perf_counter()
        await self.call("loop", "looper", DEADLINE_SECONDS)
        answered = time.perf_counter() - began - DEADLINE_SECONDS
        while set(tree(self.pool.first_pid or 0)) >= before:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.002)
        return answered * 1000, (time.perf_counter() - began - DEADLINE_SECONDS) * 1000


Measure = Callable[[Subject], Awaitable[float]]


async def _send(request: Request) -> Response:
    return THE_ANSWER


async def compare(rounds: int, calls: int) -> list[Row]:
    """Return all numbers."""
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as folder:
        bundle = write_connector(Path(folder))
        subjects = {rung: Subject(await started(rung), bundle) for rung in Rung}
        comparison = Comparison(subjects, rounds)
        try:
            return [
                *await comparison.ratios("warm, echo", lambda one: one.timed("echo"), calls),
                *await comparison.ratios("warm, one request", lambda one: one.timed("ask"), calls),
                *await comparison.differences("cold", lambda one: one.cold(), 8),
                *await _alone(subjects, rounds, calls),
                *await _overdue(subjects, rounds),
                *await _neighbours(subjects[Rung.NAMESPACES], rounds, calls),
            ]
        finally:
            for subject in subjects.values():
                await subject.pool.stop()


def write_connector(folder: Path) -> Bundle:
    package = folder / "source" / "small"
    package.mkdir(parents=True)
    (folder / "deps").mkdir()
    (folder / "source" / "connector.json").write_bytes(orjson.dumps(CONNECTOR))
    (package / "__init__.py").write_text("")
    (package / "connector.py").write_text(CODE)
    return Bundle(folder, "small", "bench")


async def started(rung: Rung) -> Pool:
    pool = Pool(Limits(drain_seconds=0.5, max_workers=400), rung)
    await pool.start()
    return pool


@dataclass(frozen=True)
class Comparison:
    """All rungs, measured by turns, each beside the one without a jail."""

    subjects: dict[Rung, Subject]
    rounds: int

    async def ratios(self, what: str, measure: Measure, calls: int) -> list[Row]:
        for subject in self.subjects.values():
            await measure(subject)  # its worker is there from now on
        with _on_one_processor():
            middle = await self._medians(measure, calls)
        bare = middle[Rung.NO_JAIL]
        return [Row(what, rung, value, value / bare, "≤ 1.10") for rung, value in middle.items()]

    async def differences(self, what: str, measure: Measure, calls: int) -> list[Row]:
        middle = await self._medians(measure, calls)
        bare = middle[Rung.NO_JAIL]
        return [Row(what, rung, value, value - bare, "≤ +10 ms") for rung, value in middle.items()]

    async def _medians(self, measure: Measure, calls: int) -> dict[Rung, float]:
        seen: dict[Rung, list[float]] = {rung: [] for rung in self.subjects}
        for _ in range(self.rounds * calls):
            for rung, subject in self.subjects.items():
                seen[rung].append(await measure(subject))
        return {rung: median(values) for rung, values in seen.items()}


@contextmanager
def _on_one_processor() -> Generator[None]:
    """Keep us and all workers together: a worker that happens to share the hub's is a third faster than the others."""
    allowed = os.sched_getaffinity(0)
    _place(sorted(allowed)[:1])
    try:
        yield
    finally:
        _place(allowed)


def _place(processors: Iterable[int]) -> None:
    for process_id in tree(os.getpid()):
        for thread in Path(f"/proc/{process_id}/task").iterdir():
            os.sched_setaffinity(int(thread.name), processors)


async def _alone(subjects: dict[Rung, Subject], rounds: int, calls: int) -> list[Row]:
    """Return what a process for each call costs, beside a warm call in the worker of the organization."""
    rows: list[Row] = []
    for rung in (Rung.NAMESPACES, Rung.NO_NAMESPACES):
        one = subjects[rung]
        warm = median([await one.timed("echo") for _ in range(calls)])
        for what, pause in (("alone, one waits", 0.2), ("alone, none waits", 0.0)):
            await one.alone(0.0)
            taken = median([await one.alone(pause) for _ in range(rounds * 10)])
            rows.append(Row(what, rung, taken, taken - warm, "ms more"))
    return rows


async def _overdue(subjects: dict[Rung, Subject], rounds: int) -> list[Row]:
    rows: list[Row] = []
    for rung, subject in subjects.items():
        late = [await subject.overdue() for _ in range(min(rounds, 3))]  # a fourth death would pause the connector
        rows.append(Row("deadline, answered", rung, max(answered for answered, _ in late), None, "≤ 250 ms"))
        rows.append(Row("deadline, gone", rung, max(gone for _, gone in late), None, "≤ 250 ms"))
    return rows


async def _neighbours(subject: Subject, rounds: int, calls: int) -> list[Row]:
    """Return the median over all rounds, each of which begins with a look at what it is like alone."""
    alone: list[float] = []
    beside: dict[str, list[float]] = {nuisance: [] for nuisance in NUISANCES}
    for number in range(rounds):
        alone.append(await _ninety_nine(subject, calls))
        for nuisance, seen in beside.items():
            noise = asyncio.create_task(_make_noise(subject, nuisance, f"noisy-{nuisance}-{number}"))
            await asyncio.sleep(2 * subject.pool.limits.look_seconds)  # who has just begun looks like anybody else
            seen.append(await _ninety_nine(subject, calls))
            noise.cancel()
            with suppress(asyncio.CancelledError):
                await noise
    quiet = median(alone)
    rows = [Row("p99, no neighbour", Rung.NAMESPACES, quiet)]
    for nuisance, seen in beside.items():
        rows.append(Row(f"p99 beside {nuisance}", Rung.NAMESPACES, median(seen), median(seen) / quiet, "≤ 2"))
    return rows


async def _make_noise(subject: Subject, nuisance: str, organization: str) -> None:
    while True:
        with suppress(Overloaded):
            await subject.call(nuisance, organization)
        await asyncio.sleep(0.001)  # a paused connector is answered at once


async def _ninety_nine(subject: Subject, calls: int) -> float:
    """Return the 99th percentile of calls with a request in them, made at a steady pace."""
    seen: list[float] = []
    for _ in range(max(2 * calls, 500)):  # a hundredth of them are enough to be counted
        seen.append(await subject.timed("ask"))
        await asyncio.sleep(0.002)
    return quantiles(seen, n=100)[98]


def main() -> None:
    options = _options()
    rows = uvloop.run(compare(options.rounds, options.calls))
    RESULTS.mkdir(exist_ok=True)
    document = {"environment": environment(), "rows": [asdict(row) for row in rows]}
    (RESULTS / "jail.json").write_text(json.dumps(document, indent=2))
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        Console(width=120).print(_table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.jail", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300, help="how many calls of one rung in one round")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _table(rows: list[Row]) -> Table:
    table = Table(title="The jail, beside workers without one")
    for heading in ("", "rung", "ms", "beside", "wanted"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in rows:
        beside = "" if row.beside is None else f"{row.beside:+.2f} ms" if "ms" in row.target else f"{row.beside:.2f}"
        table.add_row(row.what, row.rung, f"{row.milliseconds:.3f}", beside, row.target)
    return table


if __name__ == "__main__":
    main()
