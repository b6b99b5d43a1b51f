"""Add to counter."""

from dataclasses import dataclass
from typing import Annotated, TypedDict

from jackfield import Field, Storage

from storage.connector import storage
from storage.places import KeptFor, Key, Lifetime, WorkspaceId, place_of


@dataclass
class Addition:
    key: Key
    amount: Annotated[int, Field(title="Amount", description="Below zero counts down.")] = 1
    for_seconds: Lifetime = None
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class Number(TypedDict):
    """Where the counter is now."""

    number: int


@storage.operation
def add_to_counter(addition: Addition, kept: Storage) -> Number:
    """Count up or down. A counter begins at 0, and its seconds run from then on."""
    place = place_of(addition, kept)
    return {"number": place.add(addition.key, addition.amount, for_seconds=addition.for_seconds)}
