"""What a tree of processes has used: CPU time and memory, read from /proc."""

from __future__ import annotations

import os
import time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def tree(*roots: int) -> list[int]:
    """Return the processes and all their descendants that live now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [*roots]
    for process in found:
        found.extend(children.get(process, []))
    return found


def cpu_seconds(*roots: int) -> float:
    """Return user and system time of the trees, with that of children it has waited for."""
    total = 0
    for process in tree(*roots):
        if fields := _stat(process):
            total += sum(int(ticks) for ticks in fields[11:15])
    return total / TICKS_PER_SECOND


def memory_megabytes(*roots: int) -> float:
    """Return the trees' proportional set size: pages that several processes share count once."""
    total = 0
    for process in tree(*roots):
        try:
            lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def wait_until_idle(*roots: int, seconds: float = 5.0) -> None:
    """Return when the trees have used next to nothing for 0.2 s, or after `seconds`."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        before = cpu_seconds(*roots)
        time.sleep(0.2)
        if cpu_seconds(*roots) - before <= 0.02:
            return


def _stat(process: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the name, or None when the process has gone."""
    try:
        return (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
