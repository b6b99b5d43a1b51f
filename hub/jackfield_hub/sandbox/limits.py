"""How much a call may use, and how many workers there may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one call, and the workers together, may use."""

    result_bytes: int = 8 * 1024 * 1024
    log_bytes: int = 256 * 1024
    processor_seconds: float = 10.0  # of one call, in the thread of its handler
    resident_bytes: int = 768 * 1024 * 1024  # of one worker; what it may ask for is limited in its jail
    requests_per_call: int = 100
    requests_at_once: int = 32  # of one call; more are refused
    requests_under_way: int = 256  # of one worker; more wait
    load_seconds: float = 20.0
    grace_seconds: float = 0.1  # after a call's deadline, for its thread to come back
    retire_seconds: float = 2.0  # for the other calls of a worker one of whose threads did not
    idle_seconds: float = 600.0
    busy_share: float = 0.3  # of a processor, between two looks: who uses more lets the others go first
    look_seconds: float = 0.25  # between two looks at what workers hold and compute
    max_workers: int = 64
    calls_at_once: int = 256  # in one worker
    drain_seconds: float = 10.0
