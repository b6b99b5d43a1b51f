"""A list of the hub's processes in its data folder, for people and programs who want to look at them.

`processes.json`: `{"supervisor": 4711, "ledger 1": 4712, "api 1": 4713, "api 2": 4714}`
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import orjson

FILE = "processes.json"


def write(data: Path, pids: Mapping[str, int]) -> None:
    """Write down who runs now."""
    draft = data / f".{FILE}.new"
    draft.write_bytes(orjson.dumps({"supervisor": os.getpid(), **pids}) + b"\n")
    draft.replace(data / FILE)


def read(data: Path) -> dict[str, int]:
    """Return the process ids of the hub in this folder by name; nothing where it does not run, or as one process."""
    try:
        pids: dict[str, int] = orjson.loads((data / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return pids if Path("/proc", str(pids.get("supervisor"))).exists() else {}


def remove(data: Path) -> None:
    (data / FILE).unlink(missing_ok=True)
