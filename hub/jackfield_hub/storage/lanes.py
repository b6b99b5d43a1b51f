"""How much of the database one organization's storage may want at once, so that the others are not kept waiting."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

WIDTH = 2


class Lanes:
    """A narrow lane for each organization. They queue up here, and not in front of everybody at the database."""

    def __init__(self) -> None:
        self._lanes: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, organization_id: str) -> asyncio.Semaphore:
        """Return what to hold while using the database. A lane lasts as long as somebody is in it."""
        lane = self._lanes.get(organization_id)
        if lane is None:
            lane = self._lanes[organization_id] = asyncio.Semaphore(WIDTH)
        return lane
