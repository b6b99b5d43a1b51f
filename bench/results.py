"""What one run of `make bench` has measured, and what it comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"
BARE_CLIENT, PROXY, DIRECT = "bare client", "nginx proxy", "third party itself"


@dataclass(frozen=True)
class Row:
    """One variant at one number of connections in one round. `case` is that of `Case`: at once, or after 50 ms."""

    variant: str
    case: str
    connections: int
    round: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  #: of the whole tree of processes, for each answer
    memory_mb: float


@dataclass
class Results:
    """One run, on one database."""

    database: str
    environment: dict[str, str]
    rows: list[Row] = field(default_factory=list[Row])
    steady: list[Row] = field(default_factory=list[Row])  #: half a minute each
    idle_mb: float = 0.0
    worker_mb: list[float] = field(default_factory=list[float])  #: what each warm worker added

    def keys(self) -> Iterator[tuple[str, int, str]]:
        """Yield every (case, connections, variant) that was measured, in order."""
        order = {row.variant: number for number, row in reversed([*enumerate(self.rows)])}
        keys = {(row.case, row.connections, row.variant) for row in self.rows}
        yield from sorted(keys, key=lambda key: (key[0], key[1], order[key[2]]))

    def find(self, variant: str, connections: int, what: str, case: str = "") -> float | None:
        """Return the median over the rounds, or None when it was not measured."""
        rows = self._of(variant, connections, case)
        return median(getattr(row, what) for row in rows) if rows else None

    def ratio(self, variant: str, floor: str, connections: int, what: str, case: str = "") -> float | None:
        """Return the median of what the variant has by what the floor has in the same round."""
        floors = {row.round: getattr(row, what) for row in self._of(floor, connections, case)}
        pairs = [
            (getattr(row, what), floors[row.round])
            for row in self._of(variant, connections, case)
            if row.round in floors
        ]
        return median(own / other for own, other in pairs) if pairs else None

    def _of(self, variant: str, connections: int, case: str) -> list[Row]:
        wanted = (variant, connections, case)
        return [row for row in self.rows if (row.variant, row.connections, row.case) == wanted]

    def save(self) -> Path:
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / f"call_path_{self.database}.json"
        file.write_text(json.dumps(asdict(self), indent=1))
        return file


def load_all() -> list[Results]:
    """Return the last run on each database."""
    found = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("call_path_*.json"), reverse=True)]
    for one in found:
        one["rows"] = [Row(**row) for row in one["rows"]]
        one["steady"] = [Row(**row) for row in one["steady"]]
    return [Results(**one) for one in found]
