"""Lists as Relay has them: edges with cursors, and `first`, `after`, `last`, `before`.

The order is that of the ids, and a cursor is an id in base64: it stays good when others come and go, and even when its
own node is gone. Somebody can remove what a page shows and go on from its last cursor.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass

import strawberry

from jackfield_hub.errors import InvalidInput
from jackfield_hub.graphql.limits import MAX_PAGE
from jackfield_hub.paging import Stretch


@strawberry.type
class PageInfo:
    """Where a page lies in its list. The cursors are null for an empty page."""

    has_next_page: bool
    end_cursor: str | None
    has_previous_page: bool
    start_cursor: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody said about the page they want."""

    first: int | None
    last: int | None
    before: str | None
    after: str | None

    def to_stretch(self) -> Stretch:
        """Return which part of the list that is. Raises InvalidInput."""
        for name, size in (("first", self.first), ("last", self.last)):
            if size is not None and size < 0:
                raise InvalidInput(f"`{name}` cannot be less than 0")
        is_backwards = self.first is None and self.last is not None
        size = self.last if is_backwards else self.first
        return Stretch(
            size=MAX_PAGE if size is None else min(size, MAX_PAGE),
            is_backwards=is_backwards,
            at_most=None if is_backwards else self.last,
            after=_read_cursor("after", self.after),
            before=_read_cursor("before", self.before),
        )


def cursor_of(node_id: str) -> str:
    """Return the cursor of a node: `MTNiM2FiOWMt…` for `13b3ab9c-…`."""
    return base64.b64encode(node_id.encode()).decode()


def page_info(ids: list[str], *, has_previous: bool, has_next: bool) -> PageInfo:
    """Return what is said of a page with these nodes."""
    return PageInfo(
        has_next_page=has_next,
        end_cursor=cursor_of(ids[-1]) if ids else None,
        has_previous_page=has_previous,
        start_cursor=cursor_of(ids[0]) if ids else None,
    )


def _read_cursor(name: str, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return str(uuid.UUID(base64.b64decode(cursor, validate=True).decode()))
    except (binascii.Error, ValueError):
        raise InvalidInput(f"`{name}` is not a cursor of this list") from None
