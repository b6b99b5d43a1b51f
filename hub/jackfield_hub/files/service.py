"""The rules about files: who sends one in, who reads it, who may take it away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from jackfield_hub.auths.vault import DoesNotOpen, Spot
from jackfield_hub.database import EVERY_ORGANIZATION
from jackfield_hub.errors import NotFound
from jackfield_hub.files import store
from jackfield_hub.files.arrival import Wanted, arriving, saying_what_the_depot_lacks
from jackfield_hub.files.depot import Gone
from jackfield_hub.files.links import Link
from jackfield_hub.files.shapes import SECRET, FileOwner, FileReference, LinkExpired, LinkInvalid, StoredFile
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller, Right


async def keep(hub: Hub, caller: Caller, wanted: Wanted, pieces: AsyncIterator[bytes], origin: str) -> FileReference:
    """Keep what the caller sends, and return the reference to it.

    Raises Forbidden, TooLarge, QuotaUsedUp, StoreFull, Unavailable. Whatever ends it early, nothing is left of it.
    """
    caller.require(Right.CALL)
    async with arriving(hub, owner_of(caller), wanted.announced_bytes) as arrival:
        await arrival.begin(wanted)
        async for piece in pieces:
            await arrival.write(piece)
        return await arrival.finish(origin)


async def open_link(hub: Hub, link: Link) -> StoredFile:
    """Return the file a link opens. Raises LinkInvalid, LinkExpired, or NotFound when it was deleted.

    Who has no good signature learns nothing: not even whether there is such a file.
    """
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        file = await store.find_file(tx, link.file_id)
    if file is None or not is_signed(hub, file, link):
        raise LinkInvalid("This link opens no file: it was changed, or its file is gone")
    if link.expires <= hub.clock():
        raise LinkExpired("This link has expired; ask for the file again where you got it")
    return file


def is_signed(hub: Hub, file: StoredFile, link: Link) -> bool:
    """Whether this hub has made the link."""
    try:
        secret = hub.vault.unseal(file.key, Spot(file.owner.organization_id, file.file_id, SECRET), file.secret)
    except DoesNotOpen:
        return False
    return link.is_signed_with(secret)


async def read(hub: Hub, file: StoredFile, start: int, end: int) -> AsyncGenerator[bytes]:
    """Give the bytes from `start` up to `end`, not included. Raises NotFound, Unavailable."""
    try:
        with saying_what_the_depot_lacks():
            async for piece in hub.depot.read(file.place, start, end):
                yield piece
    except Gone:
        raise NotFound("The file is gone") from None


async def elsewhere(hub: Hub, file: StoredFile) -> str | None:
    """Return where the store itself gives the file, when the operator wants clients to be sent there."""
    if not hub.settings.file_store_sends:
        return None
    with saying_what_the_depot_lacks():
        return await hub.depot.link(file.place, max(1, int(file.expires_at - hub.clock())))


async def delete(hub: Hub, caller: Caller, file_id: str) -> None:
    """Take a file away: an end user's own, or any of the organization's other files. Raises NotFound, Unavailable."""
    caller.require(Right.CALL)
    async with hub.database.reading(caller.organization_id) as tx:
        owner = await store.find_owner(tx, caller.organization_id, file_id)
    if owner != owner_of(caller):
        raise NotFound("There is no such file")
    with saying_what_the_depot_lacks():
        await hub.depot.delete(f"{caller.organization_id}/{file_id}")
    async with hub.database.transaction(caller.organization_id) as tx:
        await store.delete_file(tx, caller.organization_id, file_id)


def owner_of(caller: Caller) -> FileOwner:
    """Return whose a file is that this caller sends in."""
    return FileOwner(caller.organization_id, caller.owner_id)
