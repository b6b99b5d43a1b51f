"""A process that carries out renewals, and lives longer than the hub that started it: `python -m …auths.courier`.

    hub ── {"settings": …} {"claim": …} … ──> stdin      database <── what came of it
           the hub is gone, killed or not ──> stdin ends: finish what was begun, then end

A rotating refresh token is spent as soon as the provider has read it, and its answer holds the only other one. Were the
hub itself to ask and be killed then, the sign-in would be lost. So somebody asks who does nothing else, whom nobody has
a reason to kill, and who stores the answer with nobody's help.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from jackfield.egress.engine import Engine
from jackfield_hub.auths.errand import carry_out
from jackfield_hub.auths.sealing import open_vault
from jackfield_hub.auths.shapes import Claim
from jackfield_hub.auths.vault import Vault
from jackfield_hub.database import Database
from jackfield_hub.logs import configure_logs, describe, log
from jackfield_hub.settings import Settings
from jackfield_hub.way_out import open_egress

MAX_LINE_BYTES = 1024 * 1024


@dataclass
class Desk:
    """What renewing takes, without the rest of a hub."""

    settings: Settings
    database: Database
    vault: Vault
    egress: Engine
    clock: Callable[[], float] = time.time


async def work(lines: asyncio.StreamReader) -> None:
    """Carry out the claims that come in, one a line, until nobody will send any more."""
    told = await lines.readline()
    if not told:
        return  # the hub was killed before it said anything
    settings = Settings(**orjson.loads(told))
    database, egress = Database(settings.database_url), open_egress(settings)
    try:
        desk = Desk(settings, database, await open_vault(settings, database), egress)
        say({"ready": True})
        await _serve(desk, lines)
    finally:
        await egress.close()
        await database.close()


async def _serve(desk: Desk, lines: asyncio.StreamReader) -> None:
    under_way: set[asyncio.Task[None]] = set()
    while line := await lines.readline():
        task = asyncio.create_task(_carry_out(desk, Claim(**orjson.loads(line))))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


async def _carry_out(desk: Desk, claim: Claim) -> None:
    try:
        await carry_out(desk, claim)
    except Exception as failure:
        log.error("errand_failed", auth=claim.auth_id, fence=claim.fence, **describe(failure))
    say({"auth": claim.auth_id, "fence": claim.fence})


def say(news: dict[str, Any]) -> None:
    """Tell the hub, if it is still there."""
    with suppress(OSError):  # it was killed; what we know is in the database
        os.write(1, orjson.dumps(news) + b"\n")


async def _main() -> None:
    lines = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await work(lines)


if __name__ == "__main__":
    os.umask(0o077)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what was begun is finished; that stdin ends says when to end
    configure_logs()
    asyncio.run(_main())
