"""What can go wrong with a worker, as results of the calls it had.

PlatformError (jackfield.errors)
├── WorkerCrashed    the process ended in the middle of a call
├── WorkerPaused     it ended too often: no new one for a while
└── WorkerLost       we had to end it, through no fault of the connector

What a call asks for beyond its limits is the kit's LimitReached and its kinds.
"""

from __future__ import annotations

import signal
from typing import NamedTuple

import orjson

from jackfield.errors import Fault, OperationError, PlatformError

NOT_CONFINED = 70  # the status a worker ends with when its jail could not be closed


class WorkerOutcome(NamedTuple):
    """How a call ended. `output` is the text of a JSON object; `log` is for the connector's author."""

    is_success: bool
    output: bytes
    log: str = ""


class WorkerCrashed(PlatformError):
    """The connector's process ended, or was ended for what it did, in the middle of a call."""

    code = "#connector_error"
    fault = Fault.CONNECTOR


class WorkerPaused(PlatformError):
    """The connector's process ended too often; calls are refused for a while."""

    code = "#connector_error"
    fault = Fault.CONNECTOR


class WorkerLost(PlatformError):
    """The platform ended the process for a reason of its own."""


class LoadFailed(Exception):
    """The connector cannot be imported. `reason` is for its author: the end of the traceback, or what happened."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Overloaded(Exception):
    """Every worker is busy and no more may be started: try again in a moment."""


def failed(error: OperationError, log: str = "") -> WorkerOutcome:
    """Return the outcome that an error is."""
    return WorkerOutcome(is_success=False, output=orjson.dumps(error.to_output()), log=log)


def crash_text(status: int | None) -> str:
    """Return the sentence for a worker that ended with this status (minus the signal's number), None if unknown."""
    if status is None or status == 0:
        return "The connector's worker crashed: its process ended by itself."
    if status > 0:
        return f"The connector's worker crashed: its process ended with status {status}."
    return f"The connector's worker crashed: its process was ended by {signal_name(-status)}."


def signal_name(number: int) -> str:
    """Return "SIGKILL" for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
