"""`make bench`: what a quiet organization feels of a noisy one, and what is left of a hub that is asked for too much.

    quiet alone ─ quiet beside noisy, which sends ten times as many calls at once as may run for it ─ and again, …
    calls a second with several numbers of connections, for the best ─ and with three times as many as there are places

The quiet one's slowest calls may take twice as long as alone, and none may fail. An overloaded hub must still do four
fifths of what it does at its best. Ends with an error when one of this is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from bench import hubs
from bench.load import Seen, Work
from bench.variants import free_port, third_party
from examples.local_hub import Hub, running_hub
from jackfield.project import open_project
from jackfield_hub.hub import open_hub
from jackfield_hub.settings import Settings
from tests.hub.people import found

RESULTS = Path(__file__).parent / "results"

PLACES = 64
QUIET_CONNECTIONS = 2
NOISY_CONNECTIONS = 10 * PLACES
BEST_CONNECTIONS = (PLACES // 4, PLACES // 2, PLACES, 2 * PLACES)
TOO_MANY_CONNECTIONS = 3 * PLACES
SETTLE_SECONDS = 2.0  # for the noisy one to be at its loudest
MOST_SLOWER = 2.0
LEAST_GOODPUT = 0.8


@dataclass(frozen=True)
class Fairness:
    """Medians over the rounds. Times are in milliseconds."""

    quiet_alone_p50: float
    quiet_alone_p99: float
    quiet_beside_p50: float
    quiet_beside_p99: float
    quiet_refused: int
    noisy_a_second: float
    best_a_second: float
    overloaded_a_second: float
    overloaded_refused: int

    def problems(self) -> Generator[str]:
        if self.quiet_refused:
            yield f"{self.quiet_refused} calls of the quiet organization were refused"
        if self.quiet_beside_p99 > MOST_SLOWER * self.quiet_alone_p99:
            yield "the quiet organization feels the noisy one"
        if self.overloaded_a_second < LEAST_GOODPUT * self.best_a_second:
            yield "the hub does less when it is asked for more"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="jackfield-fairness-") as folder,
        third_party() as port,
        two_organizations(Path(folder), port, options.processes) as (quiet, noisy),
    ):
        fairness = measure(quiet, noisy, options.rounds, options.seconds)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "fairness.json").write_text(json.dumps(asdict(fairness), indent=2))
    print("\n".join(f"{name.replace('_', ' '):24}{value:10,.1f}" for name, value in asdict(fairness).items()))
    problems = list(fairness.problems())
    print("\n".join(problems) or "None feels the other")
    sys.exit(1 if problems else 0)


@contextmanager
def two_organizations(folder: Path, port: int, processes: int) -> Generator[tuple[Work, Work]]:
    """Run a hub with few places, and give what calls of two organizations look like."""
    tokens = asyncio.run(_found(Settings(data_dir=folder / "hub")))
    (folder / "hub" / "tokens.json").write_text(json.dumps({"masterToken": "", "apiToken": ""}))
    settings = {"JACKFIELD_MAX_CALLS_AT_ONCE": str(PLACES), "JACKFIELD_PROCESSES": str(processes)}
    with hubs.with_environment(settings), running_hub(folder, free_port()) as (hub, process):
        works: list[Work] = []
        for master_token, api_token in tokens:
            of_one = Hub(hub.url, {"masterToken": master_token, "apiToken": api_token})
            of_one.deploy(open_project(hubs.CONNECTORS[0]))
            running = hubs.RunningHub.of(of_one, process.pid, port)
            works.append(running.variants()[1].work(1, 1.0))
        yield works[0], works[1]


async def _found(settings: Settings) -> list[tuple[str, str]]:
    async with open_hub(settings) as hub:
        both = [await found(hub, name) for name in ("quiet", "noisy")]
    return [(one.master_token.text, one.api_token.text) for one in both]


def measure(quiet: Work, noisy: Work, rounds: int, seconds: float) -> Fairness:
    quiet = replace(quiet, connections=QUIET_CONNECTIONS, seconds=seconds)
    noise = replace(noisy, connections=NOISY_CONNECTIONS, seconds=seconds + 2 * SETTLE_SECONDS)
    alone: list[Seen] = []
    beside: list[Seen] = []
    noises: list[Seen] = []
    good: dict[int, list[Seen]] = {connections: [] for connections in BEST_CONNECTIONS}
    overloaded: list[Seen] = []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        alone.append(load(quiet))
        making_noise = start_load(noise)
        time.sleep(SETTLE_SECONDS)
        beside.append(load(quiet))
        noises.append(heard(making_noise))
        for connections, seen in good.items():
            seen.append(load(replace(noisy, connections=connections, seconds=seconds)))
        overloaded.append(load(replace(noisy, connections=TOO_MANY_CONNECTIONS, seconds=seconds)))
    return Fairness(
        quiet_alone_p50=median(one.p50 for one in alone),
        quiet_alone_p99=median(one.p99 for one in alone),
        quiet_beside_p50=median(one.p50 for one in beside),
        quiet_beside_p99=median(one.p99 for one in beside),
        quiet_refused=sum(one.refusals for one in (*alone, *beside)),
        noisy_a_second=_middle_rate(noises),
        best_a_second=max(map(_middle_rate, good.values())),
        overloaded_a_second=_middle_rate(overloaded),
        overloaded_refused=sum(one.refusals for one in overloaded),
    )


def _middle_rate(seen: list[Seen]) -> float:
    """Return the median of the answers a second."""
    return median(one.answers / one.seconds for one in seen)


def load(work: Work) -> Seen:
    return heard(start_load(work))


def start_load(work: Work) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.load"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(work)).encode())
    process.stdin.close()
    return process


def heard(process: subprocess.Popen[bytes]) -> Seen:
    assert process.stdout is not None
    seen = Seen(**json.loads(process.stdout.read()))
    process.wait()
    return seen


if __name__ == "__main__":
    main()
