"""Get list."""

from dataclasses import dataclass
from typing import Any, TypedDict, cast

from jackfield import InvalidInput, Storage

from storage.connector import storage
from storage.places import KeptFor, Key, WorkspaceId, place_of


@dataclass
class ListRef:
    key: Key
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class Items(TypedDict):
    """What is in the list, the oldest first."""

    items: list[Any]


@storage.operation
def get_list(ref: ListRef, kept: Storage) -> Items:
    """Get all that is in a list. One that has not begun is empty."""
    found = place_of(ref, kept).get(ref.key, [])
    if not isinstance(found, list):
        raise InvalidInput(f"Under {ref.key!r} there is no list. Get it with Get value.")
    return {"items": cast("list[Any]", found)}
