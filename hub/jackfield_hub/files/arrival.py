"""A file on its way in.

begun (a row that says so) ─ bytes, counted ─ kept ─ ready (the row says how many, and until when)
                                 ├─ too many, broken off, no room ─▶ nothing is left
                                 └─ the hub dies ─▶ the next sweep takes away what is left
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from jackfield_hub.auths.sealing import newest_data_key
from jackfield_hub.auths.vault import Spot
from jackfield_hub.database import Transaction
from jackfield_hub.errors import TooLarge, Unavailable
from jackfield_hub.files import store
from jackfield_hub.files.depot import DepotAway, DepotFull, Draft
from jackfield_hub.files.links import link_to
from jackfield_hub.files.names import ANY_BYTES, disposition_of, file_name, mime_type
from jackfield_hub.files.shapes import (
    SECRET,
    FileOwner,
    FileReference,
    FileState,
    QuotaUsedUp,
    StoreFull,
    place_of,
)
from jackfield_hub.files.sweep import FILES
from jackfield_hub.hub import Hub

ARRIVING_SECONDS = 3600  # what has not arrived by then is swept away
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is about to come. `announced_bytes` is 0 when nobody knows. `seconds` None: as long as files live."""

    name: str
    mime_type: str = ANY_BYTES
    announced_bytes: int = 0
    seconds: float | None = None


class Arrival:
    """Takes the bytes of one file: `begin`, `write`, `finish`; or `begin` again, to start all over."""

    def __init__(self, hub: Hub, owner: FileOwner, file_id: str, secret: bytes, room: int) -> None:
        self._hub = hub
        self._owner = owner
        self._file_id = file_id
        self._secret = secret
        self._room = room
        self._size = 0
        self._draft: Draft | None = None
        self._wanted = Wanted("file")
        self.is_finished = False

    async def begin(self, wanted: Wanted) -> None:
        """Forget what has come so far; what comes now is called this. Raises TooLarge, StoreFull, Unavailable."""
        await self.discard()
        self._wanted = Wanted(file_name(wanted.name), mime_type(wanted.mime_type), seconds=wanted.seconds)
        self._check(wanted.announced_bytes)
        place, disposition = self._place, disposition_of(self._wanted.name)
        with saying_what_the_depot_lacks():
            self._draft = await self._hub.depot.draft(place, self._wanted.mime_type, disposition)

    async def write(self, piece: bytes) -> None:
        """Take the next bytes. Raises TooLarge, QuotaUsedUp, StoreFull, Unavailable."""
        self._size += len(piece)
        self._check(self._size)
        assert self._draft is not None, "write comes after begin"
        with saying_what_the_depot_lacks():
            await self._draft.write(piece)

    async def finish(self, origin: str) -> FileReference:
        """Keep the file and return the reference to it. Raises QuotaUsedUp, StoreFull, Unavailable."""
        assert self._draft is not None, "finish comes after begin"
        with saying_what_the_depot_lacks():
            await self._draft.keep()
        hub, wanted = self._hub, self._wanted
        seconds = hub.settings.file_seconds if wanted.seconds is None else wanted.seconds
        expires = int(hub.clock() + seconds)
        async with hub.database.transaction(self._owner.organization_id) as tx:
            # Others were counting while we were: here it is settled.
            self._room = await _room(hub, tx, self._owner.organization_id, self._file_id)
            self._check(self._size)
            said = {"name": wanted.name, "mime_type": wanted.mime_type, "size": self._size, "expires_at": expires}
            if not await store.finish_file(tx, self._owner.organization_id, self._file_id, **said):
                raise Unavailable("The file took too long to arrive; send it again")
        self.is_finished = True
        url = link_to(origin, self._file_id, expires, self._secret)
        return FileReference(name=wanted.name, url=url, mime_type=wanted.mime_type, expires=expires)

    async def discard(self) -> None:
        """Forget the bytes that have come."""
        draft, self._draft, self._size = self._draft, None, 0
        if draft is not None and not self.is_finished:
            with suppress(DepotAway):
                await draft.discard()

    async def vanish(self) -> None:
        """Leave nothing of a file that will not be finished."""
        await self.discard()
        with suppress(DepotAway):  # then the row stays, and a sweep tries again
            await self._hub.depot.delete(self._place)
            async with self._hub.database.transaction(self._owner.organization_id) as tx:
                await store.delete_file(tx, self._owner.organization_id, self._file_id)

    @property
    def _place(self) -> str:
        return place_of(self._owner.organization_id, self._file_id)

    def _check(self, size: int) -> None:
        """Raise what there is to say when a file is as long as this."""
        most = self._hub.settings.max_file_bytes
        if size > most:
            raise TooLarge(f"A file may have {most:,} bytes here, and this one has more")
        if size > self._room:
            raise _used_up(self._hub)


@asynccontextmanager
async def arriving(hub: Hub, owner: FileOwner, announced_bytes: int = 0) -> AsyncGenerator[Arrival]:
    """Give what takes the bytes of a new file. Nothing is left of it when the block ends before `finish`.

    Raises TooLarge, QuotaUsedUp; Unavailable when so many files are on their way that memory would run short.
    """
    with hub.bodies.room() as room:
        room.hold(min(announced_bytes or hub.depot.draft_bytes, hub.depot.draft_bytes))
        arrival = await _open(hub, owner, announced_bytes)
        try:
            yield arrival
        finally:
            if not arrival.is_finished:
                await arrival.vanish()


async def _open(hub: Hub, owner: FileOwner, announced_bytes: int) -> Arrival:
    file_id, secret, now = str(uuid.uuid4()), os.urandom(SECRET_BYTES), hub.clock()
    if announced_bytes > hub.settings.max_file_bytes:
        raise TooLarge(f"A file may have {hub.settings.max_file_bytes:,} bytes here, and this one has more")
    async with hub.database.transaction(owner.organization_id) as tx:
        room = await _room(hub, tx, owner.organization_id, file_id)
        if announced_bytes > room or not room:
            raise _used_up(hub)
        key = await newest_data_key(hub.vault, tx, owner.organization_id, now)
        await store.insert_file(
            tx,
            id=file_id,
            organization_id=owner.organization_id,
            owner_id=owner.owner_id,
            name="",
            mime_type="",
            size=announced_bytes,
            state=FileState.ARRIVING,
            key_id=key.key_id,
            secret=hub.vault.seal(key, Spot(owner.organization_id, file_id, SECRET), secret),
            created_at=now,
            expires_at=now + ARRIVING_SECONDS,
        )
        await FILES.plan(hub, tx)
    return Arrival(hub, owner, file_id, secret, room)


async def _room(hub: Hub, tx: Transaction, organization_id: str, file_id: str) -> int:
    """Return how many bytes a file of this organization may have besides all others. It has one writer at a time."""
    taken = await store.count_bytes(tx, organization_id, without=file_id)
    return max(0, hub.settings.max_organization_file_bytes - taken)


def _used_up(hub: Hub) -> QuotaUsedUp:
    most = hub.settings.max_organization_file_bytes
    return QuotaUsedUp(
        f"The files of an organization may take {most:,} bytes together: delete some, or wait until they expire"
    )


@contextmanager
def saying_what_the_depot_lacks() -> Generator[None]:
    """Turn what a depot raises into refusals: StoreFull, Unavailable."""
    try:
        yield
    except DepotFull:
        raise StoreFull("There is no room for the file: whoever runs this hub has to make some") from None
    except DepotAway:
        raise Unavailable("The store that keeps files does not answer; try again in a moment") from None
