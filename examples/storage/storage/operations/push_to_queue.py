"""Push to queue."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from jackfield import Field, Storage

from storage.connector import storage
from storage.places import KeptFor, Lifetime, Queue, WorkspaceId, place_of


@dataclass
class NewTask:
    queue: Queue
    item: Annotated[Any, Field(title="Item", format="code")]
    for_seconds: Lifetime = None
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class Waiting(TypedDict):
    """How many wait in the queue now."""

    length: int


@storage.operation
def push_to_queue(new: NewTask, kept: Storage) -> Waiting:
    """Put something at the end of a queue."""
    return {"length": place_of(new, kept).push(new.queue, new.item, for_seconds=new.for_seconds)}
