"""`make soak`: call without pause for a long time and watch what grows.

It calls a declarative operation, a plain function and an async one in turn, each for ten seconds, and prints how many
calls were answered and what the hub's processes hold. It ends with an error when a call was refused, when the ledger
misses one, or when memory or open files went on growing after the first third.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from statistics import median

from bench.hubs import running
from bench.load import Seen
from bench.processes import PROC, memory_megabytes, tree
from bench.variants import Variant, third_party

SLICE_SECONDS = 10.0
CONNECTIONS = 16
MAX_GROWTH = 1.2  # the last third may hold this many times what the second third held


@dataclass(frozen=True)
class Sample:
    """What the hub held after a slice."""

    answers: int
    refusals: int
    p99_ms: float
    memory_mb: float
    processes: int
    open_files: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="jackfield-soak-") as folder,
        third_party() as port,
        running(Path(folder) / "hub", port, options.database) as hub,
    ):
        variants = hub.variants()
        samples = list(_slices(variants, hub.processes[0], options.seconds))
        tasks = variants[0].count_tasks() if variants[0].count_tasks else 0
    problems = [*_wrong_counts(samples, tasks), *_growth(samples)]
    print("\n".join(problems) or f"{tasks:,} calls, each in the ledger once; nothing grew")
    sys.exit(1 if problems else 0)


def _slices(variants: list[Variant], process: int, seconds: float) -> Iterator[Sample]:
    give_up_at = time.monotonic() + seconds
    for variant in cycle(variants):
        if time.monotonic() >= give_up_at:
            return
        sample = _slice(variant, process, min(SLICE_SECONDS, seconds))
        said = "  ".join(f"{name} {value:,.0f}" for name, value in asdict(sample).items())
        print(f"{variant.name}: {said}", flush=True)
        yield sample


def _slice(variant: Variant, process: int, seconds: float) -> Sample:
    work = asdict(variant.work(CONNECTIONS, seconds))
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=json.dumps(work).encode(), stdout=subprocess.PIPE, check=True
    )
    seen = Seen(**json.loads(done.stdout))
    processes = tree(process)  # and not those of the database, which fills its buffers
    return Sample(
        answers=seen.all_answers,
        refusals=seen.refusals,
        p99_ms=seen.p99,
        memory_mb=memory_megabytes(process),
        processes=len(processes),
        open_files=sum(_open_files(process) for process in processes),
    )


def _open_files(process: int) -> int:
    try:
        return sum(1 for _ in (PROC / str(process) / "fd").iterdir())
    except OSError:
        return 0  # it has ended meanwhile


def _wrong_counts(samples: list[Sample], tasks: int) -> list[str]:
    answers, refusals = sum(one.answers for one in samples), sum(one.refusals for one in samples)
    problems = [f"{refusals:,} calls were refused"] if refusals else []
    return problems if tasks == answers else [*problems, f"{answers:,} answers, but {tasks:,} rows in the ledger"]


def _growth(samples: list[Sample]) -> list[str]:
    third = len(samples) // 3
    if third == 0:
        return []  # too short to say
    middle, last = samples[third : 2 * third], samples[-third:]
    return [
        f"{name} grew from {before:,.0f} to {after:,.0f}"
        for name in ("memory_mb", "processes", "open_files")
        for before, after in [(_typical(middle, name), _typical(last, name))]
        if after > before * MAX_GROWTH
    ]


def _typical(samples: list[Sample], name: str) -> float:
    return median(float(getattr(sample, name)) for sample in samples)


if __name__ == "__main__":
    main()
