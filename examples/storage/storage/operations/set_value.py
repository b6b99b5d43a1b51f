"""Set value."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from jackfield import Field, Storage

from storage.connector import storage
from storage.places import KeptFor, Key, Lifetime, WorkspaceId, place_of


@dataclass
class NewValue:
    key: Key
    value: Annotated[Any, Field(title="Value", description="A text, a number, a list, an object.", format="code")]
    for_seconds: Lifetime = None
    only_if_new: Annotated[
        bool, Field(title="Only if it is new", description="Leave alone what is there already.", is_advanced=True)
    ] = False
    only_if_version: Annotated[
        int | None,
        Field(title="Only if unchanged", description="The version you have read, as it was shown.", is_advanced=True),
    ] = None
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class SetValue(TypedDict):
    """Whether it was set, which depends on the conditions, and which version it has then."""

    is_set: bool
    version: int | None


@storage.operation
def set_value(new: NewValue, kept: Storage) -> SetValue:
    """Keep something under a key, in place of what is there."""
    version = place_of(new, kept).set(
        new.key, new.value, for_seconds=new.for_seconds, if_absent=new.only_if_new, if_version=new.only_if_version
    )
    return {"is_set": version is not None, "version": version}
