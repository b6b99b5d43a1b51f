"""Get values."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from jackfield import AsyncStorage, Field, InvalidInput

from storage.connector import storage
from storage.places import KeptFor, WorkspaceId, place_of

MOST = 100
AT_ONCE = 10


@dataclass
class ValueRefs:
    keys: Annotated[list[str], Field(title="Keys", description=f"At most {MOST}.", examples=(["plan", "log"],))]
    kept_for: KeptFor = "connector"
    workspace_id: WorkspaceId = None


class Values(TypedDict):
    """The values by their keys. Keys without one are left out."""

    values: dict[str, Any]


@storage.operation
async def get_values(refs: ValueRefs, kept: AsyncStorage) -> Values:
    """Get what is kept under several keys at once."""
    if len(refs.keys) > MOST:
        raise InvalidInput(f"That are {len(refs.keys)} keys, and {MOST} go in one call. Call several times.")
    place, turns = place_of(refs, kept), asyncio.Semaphore(AT_ONCE)

    async def look_up(key: str) -> Any:
        async with turns:
            return await place.look_up(key)

    found = await asyncio.gather(*map(look_up, refs.keys))
    return {"values": {key: one.value for key, one in zip(refs.keys, found, strict=True) if one is not None}}
