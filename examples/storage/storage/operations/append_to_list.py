"""Append to list."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from jackfield import Field, Storage

from storage.connector import storage
from storage.places import KeptFor, Key, Lifetime, WorkspaceId, place_of


@dataclass
class NewItem:
    key: Key
    item: Annotated[Any, Field(title="Item", format="code")]
    keep_last: Annotated[
        int | None,
        Field(title="Keep the last", description="How many items stay; the oldest go.", minimum=1, is_advanced=True),
    ] = None
    for_seconds: Lifetime = None
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class Length(TypedDict):
    """How many items there are now."""

    length: int


@storage.operation
def append_to_list(new: NewItem, kept: Storage) -> Length:
    """Put something at the end of a list. A list begins empty, and its seconds run from then on."""
    place = place_of(new, kept)
    return {"length": place.append(new.key, new.item, keep_last=new.keep_last, for_seconds=new.for_seconds)}
