"""What time it is, for all hubs of one database."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SharedClock:
    """The database's clock, in seconds since 1970, and between two looks at it ours.

    Leases and tokens end at the same moment for every hub, whatever the clock of its machine says or does.
    """

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def set(self, now: float) -> None:
        """The database has said what time it is."""
        self._ahead = now - time.monotonic()


def written_out(moment: float) -> str:
    """Return a moment, in seconds since 1970, as `2026-01-31T12:00:00.000Z`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
