"""How well connectors are confined on this host: tried out at every start, not believed."""

from __future__ import annotations

import platform
import tempfile
from dataclasses import dataclass

from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.launcher import ZygoteLost
from jackfield_hub.sandbox.pool import Pool
from jackfield_hub.sandbox.self_test import open_probes

NO_TEMPORARY_FOLDER = "there is no folder for temporary files: make /tmp writable, or name another one in TMPDIR"
AGAIN = "try again when that is done"
ON_LINUX = "run the hub on Linux, on x86-64 or aarch64"
LOOK = (
    "read what the process said: if something cannot be imported, install jackfield-hub anew; if it was killed or "
    "not ready in time, look at the limits of memory and processes (ulimit -a, MemoryMax and TasksMax of systemd)"
)


class NotConfined(Exception):
    """Connectors could do more on this host than they may; the message says what, `next_step` what to do."""

    def __init__(self, reason: str, next_step: str = "") -> None:
        super().__init__(reason)
        self.next_step = next_step


@dataclass(frozen=True)
class Confinement:
    """The rung workers are in, the attacks that get through there, and why the rung is not the highest."""

    rung: Rung
    open_attacks: tuple[str, ...] = ()
    why_not_higher: str = ""

    @property
    def holds(self) -> bool:
        return self.rung is not Rung.NO_JAIL and not self.open_attacks

    def __str__(self) -> str:
        if self.rung is Rung.NO_JAIL:
            return f"there is no jail here ({self.why_not_higher})"
        if self.open_attacks:
            return f"the jail {self.rung} has holes: {', '.join(self.open_attacks)}"
        return f"the jail {self.rung} holds"


# What a host allows does not change from one pool to the next of the same process.
_tried: dict[Rung, tuple[str, ...]] = {}


async def confine(workers: Pool, *, is_trusting: bool = False) -> Confinement:
    """Start the workers and attack their jail with all we know.

    Takes a seventh of a second, once in a process. Raises NotConfined when the jail does not hold, unless
    `is_trusting`, and when no worker can be started at all.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        raise NotConfined(NO_TEMPORARY_FOLDER, AGAIN) from None
    try:
        await workers.start()
    except ZygoteLost as refusal:
        next_step = LOOK if platform.system() == "Linux" else ON_LINUX
        raise NotConfined(f"no jail can be closed here ({refusal})", next_step) from None
    found = Confinement(workers.rung or Rung.NO_JAIL, await _try(workers), workers.rung_reason)
    if not found.holds and not is_trusting:
        raise NotConfined(str(found))
    return found


async def _try(workers: Pool) -> tuple[str, ...]:
    rung = workers.rung
    if rung is None or rung is Rung.NO_JAIL:
        return ()  # nothing is there to be attacked
    if rung not in _tried:
        _tried[rung] = tuple(await open_probes(workers))
    return _tried[rung]
