"""Where the bytes of files are: a folder, or a store that speaks S3. Rows, owners and links are not its business."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

PIECE_BYTES = 1024 * 1024


class DepotFull(Exception):
    """There is no room for these bytes."""


class DepotAway(Exception):
    """The store does not answer, or refuses us."""


class Gone(Exception):
    """There are no bytes at this place."""


class Draft(Protocol):
    """Bytes on their way in. Nobody sees them before `keep`, and nothing is left of them after `discard`."""

    async def write(self, piece: bytes) -> None:
        """Add bytes. Raises DepotFull, DepotAway."""
        ...

    async def keep(self) -> None:
        """Make the file be there, wholly and for good. Raises DepotFull, DepotAway."""
        ...

    async def discard(self) -> None: ...


class Depot(Protocol):
    """Keeps bytes under places such as `<organization>/<file>`."""

    @property
    def draft_bytes(self) -> int:
        """How much memory a draft takes at most, whatever is written to it."""
        ...

    async def draft(self, place: str, mime_type: str, disposition: str) -> Draft:
        """Return a draft of what shall be kept at a place. Raises DepotFull, DepotAway."""
        ...

    def read(self, place: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """Give the bytes from `start` up to `end`, not included, in pieces. Raises Gone, DepotAway."""
        ...

    async def delete(self, place: str) -> None:
        """Forget what is at a place, drafts too. That there is nothing is fine. Raises DepotAway."""
        ...

    async def link(self, place: str, seconds: int) -> str | None:
        """Return a URL at which the store itself gives the bytes for so long; None when it has no door of its own."""
        ...
