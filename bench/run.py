"""`make bench`: what a call costs beside the floors, all in one run.

Rounds are interleaved: every variant is measured in every round, one after the other, each after the one before has
become idle. Numbers are medians over the rounds; ratios are taken against the same run's floors. After each
measurement the hub's ledger must hold one row for each answer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.load import Seen, Work
from bench.processes import cpu_seconds, memory_megabytes, wait_until_idle
from bench.variants import Variant, all_variants, environment, third_party

BARE_CLIENT = "bare client"
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One variant at one number of connections in one round."""

    variant: str
    connections: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms_per_1000: float
    memory_mb: float


def main() -> None:
    options = _options()
    talk = Console(stderr=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as folder, third_party() as port:
        talk.print("Starting everything that is compared …")
        with all_variants(Path(folder), port) as variants:
            for connections in options.connections:
                for number in range(options.rounds):
                    talk.print(f"{connections} connections, round {number + 1} of {options.rounds}")
                    rows.append(_measure_bare_client(port, connections, options.seconds))
                    rows.extend(_measure(variant, connections, options.seconds) for variant in variants)
    _report(rows, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long one measurement takes")
    parser.add_argument("--json", action="store_true", help="print the medians as JSON instead of a table")
    return parser.parse_args()


def _measure(variant: Variant, connections: int, seconds: float) -> Row:
    wait_until_idle(variant.process)
    cpu_before, tasks_before = cpu_seconds(variant.process), variant.tasks()
    seen = _load(variant.work(connections, seconds))
    cpu = cpu_seconds(variant.process) - cpu_before
    tasks = variant.tasks()
    if seen.refusals or (tasks is not None and tasks - (tasks_before or 0) != seen.all_answers):
        raise SystemExit(f"{variant.name}: {seen.refusals} refused; ledger {tasks_before} -> {tasks}, answers {seen}")
    return _row(variant.name, connections, seen, cpu, memory_megabytes(variant.process))


def _load(work: Work) -> Seen:
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=json.dumps(asdict(work)).encode(), stdout=subprocess.PIPE, check=True)
    return Seen(**json.loads(done.stdout))


def _measure_bare_client(port: int, connections: int, seconds: float) -> Row:
    command = [sys.executable, "-m", "bench.bare_client", str(port), str(connections), str(seconds)]
    done = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return _row(BARE_CLIENT, connections, Seen(**done["seen"]), done["cpu"], done["memory"])


def _row(name: str, connections: int, seen: Seen, cpu: float, memory: float) -> Row:
    per_thousand = cpu * 1_000_000 / max(1, seen.all_answers)
    return Row(name, connections, seen.answers / seen.seconds, seen.p50, seen.p99, per_thousand, memory)


def _report(rows: list[Row], as_json: bool) -> None:
    medians = _medians(rows)
    RESULTS.mkdir(exist_ok=True)
    document = {"environment": environment(), "rows": [asdict(row) for row in medians]}
    (RESULTS / "call_path.json").write_text(json.dumps(document, indent=2))
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        Console(width=120).print(_table(medians))


def _medians(rows: list[Row]) -> list[Row]:
    keys = dict.fromkeys((row.variant, row.connections) for row in rows)
    measured = ("requests_per_second", "p50_ms", "p99_ms", "cpu_ms_per_1000", "memory_mb")
    return [
        Row(name, connections, **{field: median(getattr(row, field) for row in same) for field in measured})
        for name, connections in keys
        for same in [[row for row in rows if (row.variant, row.connections) == (name, connections)]]
    ]


def _table(rows: list[Row]) -> Table:
    table = Table(title="A call, beside the floors of the same run")
    for heading in (
        "",
        "connections",
        "per s",
        "p50 ms",
        "p99 ms",
        "CPU ms / 1,000",
        "PSS MB",
        "/ bare client",
        "/ proxy",
    ):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in sorted(rows, key=lambda row: row.connections):
        table.add_row(
            row.variant,
            str(row.connections),
            f"{row.requests_per_second:,.0f}",
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            f"{row.cpu_ms_per_1000:,.0f}",
            f"{row.memory_mb:.0f}",
            _ratio(row, rows, BARE_CLIENT),
            _ratio(row, rows, "nginx proxy"),
        )
    return table


def _ratio(row: Row, rows: list[Row], floor: str) -> str:
    floors = [other for other in rows if (other.variant, other.connections) == (floor, row.connections)]
    return f"{row.requests_per_second / floors[0].requests_per_second:.2f}" if floors else "–"


if __name__ == "__main__":
    main()
