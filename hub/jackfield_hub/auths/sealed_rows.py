"""Where secrets that live long are kept: a new place has to be named here, or a rotation would pass it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jackfield_hub.auths.vault import SealedKey


@dataclass(frozen=True)
class SealedTable:
    """A table with a `key_id`, and its sealed columns, which are called as the field is when it is sealed."""

    name: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class SealedRow:
    """One row of such a table, sealed with a key that is not the newest."""

    table: SealedTable
    row_id: str
    old_key: SealedKey
    fields: Mapping[str, bytes]


SEALED = (
    SealedTable("auths", ("user_data", "credentials")),
    SealedTable("service_environments", ("secrets",)),
    SealedTable("files", ("secret",)),
    SealedTable("payloads", ("content",)),
    SealedTable("authors_logs", ("text",)),
)
