"""List keys."""

from dataclasses import dataclass
from itertools import islice
from typing import Annotated, TypedDict

from jackfield import Field, Storage

from storage.connector import storage
from storage.places import KeptFor, WorkspaceId, place_of


@dataclass
class WantedKeys:
    prefix: Annotated[
        str, Field(title="Beginning", description="Left out: all keys.", max_length=200, examples=("order-",))
    ] = ""
    limit: Annotated[int, Field(title="How many at most", minimum=1, maximum=10_000, is_advanced=True)] = 100
    after: Annotated[
        str, Field(title="After", description="The last key of the page before.", max_length=200, is_advanced=True)
    ] = ""
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class Keys(TypedDict):
    """Keys in the order of the alphabet. `next` is what to give as After for more; nothing after the last ones."""

    keys: list[str]
    next: str | None


@storage.operation
def list_keys(wanted: WantedKeys, kept: Storage) -> Keys:
    """List the keys of values, counters and lists. Queues are not among them."""
    found = place_of(wanted, kept).keys(wanted.prefix, after=wanted.after)
    keys = [*islice(found, wanted.limit)]
    return {"keys": keys, "next": keys[-1] if next(found, None) is not None else None}
