"""The rules about storage: whose it is, which is not for the connector's code to say; one action at a time; room.

What an action makes of a value is in the kit (jackfield.storage_rules): it is the same on an author's machine.
"""

from __future__ import annotations

from jackfield.errors import InvalidInput, OperationError, PlatformError, StorageFull
from jackfield.exchange import JsonObject, Request, Response
from jackfield.storage_rules import (
    BLIND,
    READING,
    Asked,
    Kept,
    Moment,
    answered,
    change,
    found,
    read_asked,
    refused,
    taken,
)
from jackfield_hub.auths.sealing import newest_data_key
from jackfield_hub.auths.vault import Spot
from jackfield_hub.database import Transaction
from jackfield_hub.errors import Refused
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller
from jackfield_hub.identity.workspaces import service as workspaces
from jackfield_hub.storage import store
from jackfield_hub.storage.sealing import opened, sealed, spot_in_queue, spot_of_value
from jackfield_hub.storage.shapes import OpenStorage, Place, SealedValue
from jackfield_hub.storage.sweep import STORAGE


async def serve(hub: Hub, caller: Caller, connector: str, request: Request) -> Response:
    """Carry out what a connector's code asks of storage, or answer why not. Raises PlatformError."""
    try:
        asked = read_asked(request.body, hub.settings.max_stored_value_bytes)
        async with hub.storage_lanes.of(caller.organization_id):
            return answered(await _carry_out(hub, caller, connector, asked))
    except OperationError as refusal:
        return refused(refusal)
    except Refused as refusal:  # the database or the master key is away
        raise PlatformError(f"{refusal.message}.") from None


async def forget_user(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Forget all that connectors keep for a user."""
    await store.delete_storages_of(tx, organization_id, user_id)


async def _carry_out(hub: Hub, caller: Caller, connector: str, asked: Asked) -> JsonObject:
    if asked.action in READING:
        async with hub.database.reading(caller.organization_id) as tx:
            place = await _place(tx, caller, connector, asked)
            storage = await store.find_storage(tx, place)
            return await _read(hub, tx, storage, asked)
    async with hub.database.transaction(caller.organization_id) as tx:
        place = await _place(tx, caller, connector, asked)
        storage = await store.find_storage(tx, place) or await store.insert_storage(tx, place)
        match asked.action:
            case "push":
                return await _push(hub, tx, storage, asked)
            case "take":
                return await _take(hub, tx, storage, asked)
            case _:
                return await _change(hub, tx, storage, asked)


async def _place(tx: Transaction, caller: Caller, connector: str, asked: Asked) -> Place:
    """Return whose storage this action is about. Raises InvalidInput when this caller has none of that kind."""
    owner = ""
    if asked.scope == "user":
        if caller.user_id is None:
            raise InvalidInput(
                "Nothing can be kept for the user, because no user has called: the token is the organization's own. "
                "Call with a user's token, or keep it for the connector."
            )
        owner = caller.user_id
    elif asked.scope == "workspace":
        owner = asked.workspace_id
        if not await workspaces.may_enter(tx, caller, owner):
            raise InvalidInput("There is no workspace with this id, or it is not for you. Choose one you are in.")
    return Place(caller.organization_id, connector, asked.scope, owner)


async def _read(hub: Hub, tx: Transaction, storage: OpenStorage | None, asked: Asked) -> JsonObject:
    now = hub.clock()
    if storage is None:
        return found(None) if asked.action == "get" else {"keys": []}
    if asked.action == "get":
        there = await store.find_value(tx, storage.storage_id, asked.key)
        return found(_live(hub, storage, asked, there, now))
    keys = await store.list_keys(tx, storage.storage_id, asked.key, asked.after, now=now, limit=asked.limit)
    return {"keys": keys}


async def _change(hub: Hub, tx: Transaction, storage: OpenStorage, asked: Asked) -> JsonObject:
    moment = _moment(hub, storage)
    there = await store.find_value(tx, storage.storage_id, asked.key)
    live = _live(hub, storage, asked, there, moment.now)
    after, answer = change(asked, live, moment)
    if after is live:
        return answer
    if after is None:
        await store.delete_value(tx, storage.storage_id, asked.key)
    else:
        value = await _sealed(hub, tx, spot_of_value(storage, asked.key), after)
        await store.put_value(tx, storage, asked.key, value, is_new=there is None)
    await _enter(hub, tx, storage, there, after)
    return answer


async def _push(hub: Hub, tx: Transaction, storage: OpenStorage, asked: Asked) -> JsonObject:
    moment = _moment(hub, storage)
    kept = Kept.of(asked.value, moment.version, asked.ends_at(moment.now), moment.max_value_bytes)
    value = await _sealed(hub, tx, spot_in_queue(storage, asked.key, kept.version), kept)
    await store.insert_queued(tx, storage, asked.key, value)
    await _enter(hub, tx, storage, None, kept)
    return {"length": await store.count_queued(tx, storage.storage_id, asked.key, moment.now)}


async def _take(hub: Hub, tx: Transaction, storage: OpenStorage, asked: Asked) -> JsonObject:
    first = await store.find_first(tx, storage.storage_id, asked.key, hub.clock())
    if first is None:
        return taken(None)
    await store.delete_queued(tx, storage.storage_id, asked.key, first.version)
    await _enter(hub, tx, storage, first, None)
    return taken(opened(hub.vault, spot_in_queue(storage, asked.key, first.version), first))


def _live(hub: Hub, storage: OpenStorage, asked: Asked, there: SealedValue | None, now: float) -> Kept | None:
    """Return the value under the key, unless its time is over; open, if it matters what it is."""
    if there is None or there.is_over(now):
        return None
    if asked.action in BLIND:
        return Kept(b"", there.version, there.expires_at)
    return opened(hub.vault, spot_of_value(storage, asked.key), there)


async def _sealed(hub: Hub, tx: Transaction, spot: Spot, kept: Kept) -> SealedValue:
    """Return a value as it may be stored. Raises MasterKeyAway."""
    key = await newest_data_key(hub.vault, tx, spot.organization_id, hub.clock())
    return sealed(hub.vault, key, spot, kept)


def _moment(hub: Hub, storage: OpenStorage) -> Moment:
    return Moment(hub.clock(), storage.version + 1, hub.settings.max_stored_value_bytes)


async def _enter(
    hub: Hub, tx: Transaction, storage: OpenStorage, before: SealedValue | None, after: Kept | None
) -> None:
    """Note what a change has made of a storage. Raises StorageFull, and then nothing is changed."""
    if after is not None and after.expires_at is not None:
        await STORAGE.plan(hub, tx)
    entries = (after is not None) - (before is not None)
    size = (len(after.content) if after else 0) - (before.size if before else 0)
    count = await store.weigh(tx, storage.storage_id, entries, size)
    if entries > 0 and count > hub.settings.max_stored_values:
        gone = await store.delete_expired(tx, storage.storage_id, hub.clock())
        count = await store.weigh(tx, storage.storage_id, -gone[0], -gone[1])
        if count > hub.settings.max_stored_values:
            raise StorageFull(f"{hub.settings.max_stored_values:,} values are kept here already. Delete some first.")
    most = hub.settings.max_organization_storage_bytes
    if size > 0 and await store.count_bytes(tx, storage.organization_id) > most:
        raise StorageFull(f"The organization's connectors keep {most:,} bytes already. Delete something first.")
