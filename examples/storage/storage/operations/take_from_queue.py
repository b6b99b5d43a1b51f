"""Take from queue."""

from dataclasses import dataclass
from typing import Any, TypedDict

from jackfield import Storage

from storage.connector import storage
from storage.places import KeptFor, Queue, WorkspaceId, place_of

NOTHING = object()


@dataclass
class QueueRef:
    queue: Queue
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class Taken(TypedDict):
    """What was first in the queue, if there was anything."""

    is_there: bool
    item: Any


@storage.operation
def take_from_queue(ref: QueueRef, kept: Storage) -> Taken:
    """Take what has waited longest out of a queue. Nobody else gets it."""
    item = place_of(ref, kept).take(ref.queue, NOTHING)
    return {"is_there": item is not NOTHING, "item": None if item is NOTHING else item}
