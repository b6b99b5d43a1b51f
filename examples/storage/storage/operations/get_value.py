"""Get value."""

from dataclasses import dataclass
from typing import Any, TypedDict

from jackfield import Storage

from storage.connector import storage
from storage.places import KeptFor, Key, WorkspaceId, place_of


@dataclass
class ValueRef:
    key: Key
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class Value(TypedDict):
    """What is kept under a key. `version` is another one after every change, `expires_at` is in seconds since 1970."""

    is_there: bool
    value: Any
    version: int | None
    expires_at: float | None


@storage.operation
def get_value(ref: ValueRef, kept: Storage) -> Value:
    """Get what is kept under a key, if anything is."""
    found = place_of(ref, kept).look_up(ref.key)
    if found is None:
        return {"is_there": False, "value": None, "version": None, "expires_at": None}
    return {"is_there": True, "value": found.value, "version": found.version, "expires_at": found.expires_at}
