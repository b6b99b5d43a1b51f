"""One operation: try one attack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from jackfield import Connector
from jackfield_hub.sandbox.probes import Canaries, is_open

attacks = Connector()


@dataclass
class Attack:
    name: str
    canaries: Canaries


class Verdict(TypedDict):
    is_open: bool


@attacks.operation
def attack(given: Attack) -> Verdict:
    """Try one attack."""
    canaries = replace(given.canaries, code=str(Path(__file__).parent))
    return {"is_open": is_open(given.name, canaries)}
