"""Delete value."""

from dataclasses import dataclass
from typing import TypedDict

from jackfield import Storage

from storage.connector import storage
from storage.places import KeptFor, Key, WorkspaceId, place_of


@dataclass
class UnwantedValue:
    key: Key
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class DeletedValue(TypedDict):
    """Whether there was something to delete."""

    is_deleted: bool


@storage.operation(is_idempotent=True)
def delete_value(unwanted: UnwantedValue, kept: Storage) -> DeletedValue:
    """Forget what is kept under a key: a value, a counter or a list."""
    return {"is_deleted": place_of(unwanted, kept).delete(unwanted.key)}
