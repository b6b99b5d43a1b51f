"""One hub: its parts, and the order in which they start and stop."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from jackfield_hub.database import Database
from jackfield_hub.identity.known_tokens import KnownTokens
from jackfield_hub.jobs.service import Jobs
from jackfield_hub.settings import Settings

Clock = Callable[[], float]  # seconds since 1970, UTC


@dataclass
class Hub:
    """What a room needs to do its work. Services take it first."""

    settings: Settings
    database: Database
    jobs: Jobs
    clock: Clock
    known_tokens: KnownTokens = field(default_factory=KnownTokens)
    is_draining: bool = False  #: no new work: we are about to stop


@asynccontextmanager
async def open_hub(settings: Settings, clock: Clock = time.time) -> AsyncGenerator[Hub]:
    """Give a running hub with its tables in place; when the block ends, stop its parts in the opposite order."""
    database = Database(settings.database_url)
    try:
        await database.migrate()
        yield Hub(settings=settings, database=database, jobs=Jobs(database, clock), clock=clock)
    finally:
        await database.close()
