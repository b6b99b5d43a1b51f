"""Where secrets that live long are kept: a new place has to be named here, or a rotation would pass it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jackfield_hub.auths.vault import SealedKey


@dataclass(frozen=True)
class SealedTable:
    """A table with a `key_id`, and its sealed columns, which are called as the field is when it is sealed.

    `row` are the columns that tell its rows apart. A row is sealed under their values, with spaces in between.
    """

    name: str
    fields: tuple[str, ...]
    row: tuple[str, ...] = ("id",)


@dataclass(frozen=True)
class SealedRow:
    """One row of such a table, sealed with a key that is not the newest."""

    table: SealedTable
    place: tuple[Any, ...]  #: the values of the table's `row`
    old_key: SealedKey
    fields: Mapping[str, bytes]

    @property
    def row_id(self) -> str:
        return row_id(*self.place)


def row_id(*place: Any) -> str:
    """Return what a row is sealed under. All but the last of the values have no spaces in them."""
    return " ".join(map(str, place))


SEALED = (
    SealedTable("auths", ("user_data", "credentials")),
    SealedTable("service_environments", ("secrets",)),
    SealedTable("files", ("secret",)),
    SealedTable("payloads", ("content",)),
    SealedTable("authors_logs", ("text",)),
    SealedTable("stored_values", ("content",), ("storage_id", "key")),
    SealedTable("queued_values", ("content",), ("storage_id", "version", "queue")),
)
