"""Inputs so large that checking them would keep all others waiting: a worker of the caller's organization does it.

Whoever checks a value holds Python's lock until he is done, on whichever thread; ten megabytes take seconds. And what
is in the jail can be ended.
"""

from __future__ import annotations

import time
from pathlib import Path

import orjson

from jackfield.errors import NotAllowed
from jackfield.exchange import JsonObject, Request, Response
from jackfield.runner import Call
from jackfield_hub.errors import InvalidInput, Unavailable
from jackfield_hub.hub import Hub
from jackfield_hub.sandbox.failures import Overloaded
from jackfield_hub.sandbox.pool import Bundle, WorkerKey

LARGE_BYTES = 64 * 1024  # of the body; what is smaller is checked at once, in some milliseconds at worst
CHECKER = Bundle(Path(__file__).parent / "checker", "checker", "checker")
CHECK_SECONDS = 15.0


async def problems_of(hub: Hub, organization_id: str, schema: JsonObject, given: JsonObject) -> list[str]:
    """Return what is wrong with an input. Raises Unavailable, or InvalidInput for one that takes too long to check."""
    key = WorkerKey(organization_id, "checker~1.0", CHECKER.digest)
    asked = Call("check", {"schema": schema, "given": given}, is_checked=True)
    try:
        done = await hub.workers.call(key, CHECKER, asked, _send_nothing, time.monotonic() + CHECK_SECONDS)
    except Overloaded:
        raise Unavailable("The hub is busy and nothing was run. Call again in a second.") from None
    if not done.is_success:
        raise InvalidInput("The input could not be checked in time. Send less at a time.")
    return [str(problem) for problem in orjson.loads(done.output)["problems"]]


async def _send_nothing(_request: Request) -> Response:
    raise NotAllowed("Whoever checks an input asks nobody")
