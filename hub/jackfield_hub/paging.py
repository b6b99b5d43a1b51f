"""Long lists, a page at a time: `first`, `last` and `cursor` of the public API, and what is answered with the elements.

`first=2` gives the first two, `first=2&cursor=C` the two after C; `last` counts from the end, or back from the cursor.
Pages are cut by (created_at, id): what is added while somebody turns pages moves nothing that was seen before.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, RowMapping, Select, Table, tuple_

from jackfield_hub.database import Transaction
from jackfield_hub.errors import InvalidInput

DEFAULT_PAGE = 100
MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class AskedPage:
    """Which part of a list somebody wants. `place` is where the cursor stands: created_at and id of an element."""

    size: int = DEFAULT_PAGE
    is_backwards: bool = False
    place: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of one page, in the order of the list, and whether there are others around them."""

    rows: Sequence[RowMapping]
    has_previous: bool
    has_next: bool


class PageInfo(BaseModel):
    """Where a page lies in its list. The cursors are empty for an empty page."""

    has_next_page: bool = Field(serialization_alias="hasNextPage")
    has_previous_page: bool = Field(serialization_alias="hasPreviousPage")
    start_cursor: str = Field(serialization_alias="startCursor")
    end_cursor: str = Field(serialization_alias="endCursor")


def _asked(
    first: Annotated[int | None, Query(ge=1, le=MAX_PAGE, description="How many, from the beginning.")] = None,
    last: Annotated[int | None, Query(ge=1, le=MAX_PAGE, description="How many, from the end.")] = None,
    cursor: Annotated[str, Query(max_length=200, description="Where to go on: a cursor of an earlier page.")] = "",
) -> AskedPage:
    if first is not None and last is not None:
        raise InvalidInput("Invalid value for: query (say `first` or `last`, not both)")
    return AskedPage(first or last or DEFAULT_PAGE, last is not None, _read_cursor(cursor) if cursor else None)


Paging = Annotated[AskedPage, Depends(_asked)]
"""What a route takes that answers a page."""


async def cut_page(tx: Transaction, rows: Select[tuple[object]], table: Table, asked: AskedPage) -> Cut:
    """Return one page of these rows of `table`, which are to come without an order of their own."""
    place = tuple_(table.c.created_at, table.c.id)
    order = [column.desc() if asked.is_backwards else column for column in (table.c.created_at, table.c.id)]
    wanted = rows.order_by(*order).limit(asked.size + 1)
    if asked.place is not None:
        here = tuple_(*asked.place)
        wanted = wanted.where(place < here if asked.is_backwards else place > here)
    found = await tx.rows(wanted)
    has_more, page = len(found) > asked.size, found[: asked.size]
    is_inside = asked.place is not None
    if asked.is_backwards:
        return Cut(page[::-1], has_previous=has_more, has_next=is_inside)
    return Cut(page, has_previous=is_inside, has_next=has_more)


def page_info(cut: Cut) -> PageInfo:
    """Return what a client is told of a page. Its rows have `created_at` and `id`."""
    return PageInfo(
        has_next_page=cut.has_next,
        has_previous_page=cut.has_previous,
        start_cursor=_cursor(cut.rows[0]) if cut.rows else "",
        end_cursor=_cursor(cut.rows[-1]) if cut.rows else "",
    )


def _cursor(row: RowMapping) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at']!r} {row['id']}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str]:
    try:
        created_at, _, element_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(" ")
        return float(created_at), element_id
    except (binascii.Error, ValueError):
        raise InvalidInput("Invalid value for: query (not a cursor of this list at 'cursor')") from None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part somebody wants of a list in the order of its ids. `after` and `before` are ids beside it.

    `size` counts from the beginning, or from the end when `is_backwards`; of these, the last `at_most`.
    """

    size: int
    is_backwards: bool = False
    at_most: int | None = None
    after: str | None = None
    before: str | None = None


async def cut_stretch(
    tx: Transaction, rows: Select[*tuple[Any, ...]], ids: ColumnElement[str], stretch: Stretch
) -> Cut:
    """Return part of these rows, which are to come without an order of their own."""
    wanted = rows
    if stretch.after is not None:
        wanted = wanted.where(ids > stretch.after)
    if stretch.before is not None:
        wanted = wanted.where(ids < stretch.before)
    found = await tx.rows(wanted.order_by(ids.desc() if stretch.is_backwards else ids).limit(stretch.size + 1))
    has_more, page = len(found) > stretch.size, found[: stretch.size]
    has_previous = stretch.after is not None and await _is_any(tx, rows.where(ids <= stretch.after))
    has_next = stretch.before is not None and await _is_any(tx, rows.where(ids >= stretch.before))
    if stretch.is_backwards:
        return Cut(page[::-1], has_previous or has_more, has_next)
    left_out = 0 if stretch.at_most is None else max(0, len(page) - stretch.at_most)
    return Cut(page[left_out:], has_previous or left_out > 0, has_next or has_more)


async def _is_any(tx: Transaction, rows: Select[*tuple[Any, ...]]) -> bool:
    return await tx.one_or_none(rows.limit(1)) is not None
