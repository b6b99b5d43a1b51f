"""`make bench`: what a call costs beside the floors and the peers, all in one run.

Rounds are interleaved: every variant is measured in every round, one after the other, each after the one before has
become idle. Numbers are medians over the rounds; ratios are taken against the floors of the same round. After each
measurement the hub's ledger must hold one row for each answer. The results are kept as JSON, and
docs/reference/performance.md is written from the last run on each database.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from bench import hubs, peers
from bench.load import Seen, Work
from bench.page import table, write_page
from bench.processes import cpu_seconds, memory_megabytes, wait_until_idle
from bench.results import BARE_CLIENT, DIRECT, Results, Row, load_all
from bench.targets import verdicts
from bench.variants import THING, Case, Variant, environment, nginx, nginx_program, third_party

MAX_CONNECTIONS_OF_PEERS = 64  # above that they only wait
STEADY_CONNECTIONS = 64


@dataclass(frozen=True)
class Setting:
    """What all variants of a round have in common."""

    case: Case
    connections: int
    round: int
    seconds: float


def main() -> None:
    options = _options()
    talk = Console(stderr=True)
    results = Results(options.database, environment())
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as folder, third_party() as port:
        talk.print("Starting everything that is compared …")
        with _everything(Path(folder), port, options, results) as variants:
            for case, connections, number in _plan(options):
                talk.print(f"{connections} connections{' after 50 ms' if case else ''}, round {number}")
                setting = Setting(case, connections, number, options.seconds)
                results.rows += _round(variants, port, setting)
            results.steady += _steady(variants, options.steady_seconds, talk)
    results.save()
    Console(width=140).print(table(results))
    for verdict in verdicts(results):
        print(str(verdict).replace("**", ""))
    if options.write_page:
        write_page(load_all())
    if options.strict and not all(verdict.is_met for verdict in verdicts(results)):
        raise SystemExit("a must is missed")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 16, 64, 256])
    parser.add_argument("--slow-connections", type=int, nargs="*", default=[64, 256, 1000], help="of the 50 ms rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long one measurement takes")
    parser.add_argument(
        "--steady-seconds", type=float, default=30.0, help="of the rows that look at the spread; 0: none"
    )
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--processes", type=int, default=1, help="also measure a hub of so many processes")
    parser.add_argument("--peers", type=Path, help="also measure Node-RED and the official runtime, installed there")
    parser.add_argument("--write-page", action="store_true", help="write docs/reference/performance.md")
    parser.add_argument("--strict", action="store_true", help="fail when a must is missed")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> list[tuple[Case, int, int]]:
    quick = [(Case.QUICK, connections) for connections in options.connections]
    slow = [(Case.SLOW, connections) for connections in options.slow_connections]
    return [(*one, number) for one in quick + slow for number in range(1, options.rounds + 1)]


@contextmanager
def _everything(folder: Path, port: int, options: argparse.Namespace, results: Results) -> Generator[list[Variant]]:
    """Start every variant; end them when the block ends. On the way see how much memory the hub takes."""
    with ExitStack() as stack:
        hub = stack.enter_context(hubs.running(folder / "hub", port, options.database))
        variants = hub.variants()
        _weigh(hub, variants, results)
        if nginx_program():
            variants.insert(0, stack.enter_context(nginx(folder, port)))
        if options.processes > 1:
            several = hubs.running(folder / "several", port, options.database, options.processes)
            variants += stack.enter_context(several).variants()[:2]
        if options.peers:
            peers.install(options.peers)
            variants.append(stack.enter_context(peers.node_red(options.peers.absolute(), folder, port)))
            variants.append(stack.enter_context(peers.official_runtime(options.peers.absolute(), port)))
        for variant in variants:
            _load(variant.work(8, 1.0))  # what is compiled when it is used is compiled now
        yield variants


def _weigh(hub: hubs.RunningHub, variants: Sequence[Variant], results: Results) -> None:
    """See what the hub takes when nobody asks anything of it (without its database), and what each worker adds."""
    own = hub.processes[0]
    wait_until_idle(own)
    results.idle_mb = memory_megabytes(own)
    _load(variants[0].work(1, 1.0))  # without a worker: what all calls need is there now
    before = memory_megabytes(own)
    for variant in variants[1:]:
        _load(variant.work(1, 0.2))
        after = memory_megabytes(own)
        results.worker_mb.append(after - before)
        before = after


def _round(variants: Sequence[Variant], port: int, setting: Setting) -> list[Row]:
    rows = [_measure_bare_client(port, setting)]
    if setting.case is Case.SLOW:
        direct = _load(Work(port, f"{setting.case}{THING}", {}, [], setting.connections, setting.seconds))
        rows.append(_row(DIRECT, setting, direct))
    for variant in variants:
        is_peer = variant.name in (peers.NODE_RED, peers.OFFICIAL)
        if setting.case in variant.paths and not (is_peer and setting.connections > MAX_CONNECTIONS_OF_PEERS):
            rows.append(_measure(variant, setting))
    return rows


def _steady(variants: Sequence[Variant], seconds: float, talk: Console) -> list[Row]:
    rows: list[Row] = []
    for variant in variants if seconds else ():
        if variant.name in (hubs.DECLARATIVE, hubs.THREADS):
            talk.print(f"{variant.name}, {STEADY_CONNECTIONS} connections for {seconds:.0f} s")
            rows.append(_measure(variant, Setting(Case.QUICK, STEADY_CONNECTIONS, 1, seconds)))
    return rows


def _measure(variant: Variant, setting: Setting) -> Row:
    wait_until_idle(*variant.processes)
    cpu_before, tasks_before = cpu_seconds(*variant.processes), _tasks(variant)
    seen = _load(variant.work(setting.connections, setting.seconds, setting.case))
    cpu, tasks = cpu_seconds(*variant.processes) - cpu_before, _tasks(variant) - tasks_before
    if seen.refusals or (variant.count_tasks and tasks != seen.all_answers):
        raise SystemExit(f"{variant.name}: {seen.refusals} refused; {tasks} rows in the ledger; {seen}")
    return _row(variant.name, setting, seen, cpu, memory_megabytes(*variant.processes))


def _tasks(variant: Variant) -> int:
    return variant.count_tasks() if variant.count_tasks else 0


def _load(work: Work) -> Seen:
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=json.dumps(asdict(work)).encode(), stdout=subprocess.PIPE, check=True)
    return Seen(**json.loads(done.stdout))


def _measure_bare_client(port: int, setting: Setting) -> Row:
    about = (str(port), f"{setting.case}{THING}", str(setting.connections), str(setting.seconds))
    command = [sys.executable, "-m", "bench.bare_client", *about]
    done = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return _row(BARE_CLIENT, setting, Seen(**done["seen"]), done["cpu"], done["memory"])


def _row(variant: str, setting: Setting, seen: Seen, cpu_seconds: float = 0.0, memory_mb: float = 0.0) -> Row:
    return Row(
        variant=variant,
        case=setting.case.value,
        connections=setting.connections,
        round=setting.round,
        requests_per_second=seen.answers / seen.seconds,
        p50_ms=seen.p50,
        p99_ms=seen.p99,
        cpu_us=cpu_seconds * 1_000_000 / max(1, seen.all_answers),
        memory_mb=memory_mb,
    )


if __name__ == "__main__":
    main()
