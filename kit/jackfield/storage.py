"""What a handler keeps from one call to the next: values under keys, numbers, lists, queues. A hub keeps it.

    seen = storage.get("cursor", "")
    calls_today = storage.add("calls", for_seconds=86_400)
    if storage.set("lock", "mine", if_absent=True, for_seconds=60) is None: ...
    storage.push("orders", order); order = storage.take("orders")

Every method is one action that happens wholly or not at all, however many calls there are at the same time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

from jackfield.exchange import AsyncTransport, Json, JsonObject, Transport
from jackfield.storage_rules import MAX_PAGE, answer_of, request_for


@dataclass(frozen=True)
class Stored:
    """A value with what is known of it. `version` changes whenever the value does; `expires_at` is epoch seconds."""

    value: Json
    version: int
    expires_at: float | None


class Storage:
    """What a connector keeps for the organization that calls it: all versions of it, all callers.

    `of_user()` is the same for the user who calls alone, `of_workspace(id)` for a workspace they are in.
    Values are whatever JSON can say. Every method raises InvalidInput when what is asked cannot be, TooLarge for a
    value that is too large, and StorageFull. Secrets belong into an auth: values are not sealed.
    """

    def __init__(self, transport: Transport, place: JsonObject | None = None) -> None:
        self._transport = transport
        self._place = place or {}

    def of_user(self) -> Storage:
        """Return the storage of the user who calls; its methods raise InvalidInput when no user does."""
        return Storage(self._transport, _USER)

    def of_workspace(self, workspace_id: str) -> Storage:
        """Return the storage of a workspace; its methods raise InvalidInput when the caller may not see it."""
        return Storage(self._transport, _workspace(workspace_id))

    def get(self, key: str, default: Json = None) -> Json:
        """Return a value, or `default` when there is none (any more)."""
        return self._ask("get", key).get("value", default)

    def look_up(self, key: str) -> Stored | None:
        """Return a value with its version, for `set(…, if_version=…)`."""
        return _stored(self._ask("get", key))

    def set(
        self,
        key: str,
        value: Json,
        *,
        for_seconds: float | None = None,
        if_absent: bool = False,
        if_version: int | None = None,
    ) -> int | None:
        """Keep a value, for ever or for some seconds, and return its version.

        None: it was not kept, because there is one already (`if_absent`) or it is another one now (`if_version`).
        """
        conditions = {"if_absent": if_absent, "if_version": if_version}
        return self._ask("set", key, value=value, for_seconds=for_seconds, **conditions).get("version")

    def delete(self, key: str) -> bool:
        """Forget a value; return whether there was one."""
        return self._ask("delete", key)["is_deleted"]

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Give the keys that begin like this, in order, those after `after`. Queues are not among them."""
        while True:
            page = self._ask("keys", prefix, after=after)["keys"]
            yield from page
            if len(page) < MAX_PAGE:
                return
            after = page[-1]

    def add(self, key: str, amount: int = 1, *, for_seconds: float | None = None) -> int:
        """Add to a whole number and return what it is now. One that is not there begins at 0, for so many seconds."""
        return self._ask("add", key, amount=amount, for_seconds=for_seconds)["number"]

    def append(self, key: str, item: Json, *, keep_last: int | None = None, for_seconds: float | None = None) -> int:
        """Add to the end of a list, of which the last so many stay, and return how long it is now."""
        return self._ask("append", key, value=item, keep_last=keep_last, for_seconds=for_seconds)["length"]

    def pop(self, key: str, default: Json = None) -> Json:
        """Take the last item out of a list, or return `default` when there is none."""
        return self._ask("pop", key).get("value", default)

    def push(self, queue: str, item: Json, *, for_seconds: float | None = None) -> int:
        """Put something into a queue and return how many wait there now. After so many seconds it is gone."""
        return self._ask("push", queue, value=item, for_seconds=for_seconds)["length"]

    def take(self, queue: str, default: Json = None) -> Json:
        """Take what has waited longest out of a queue: nobody else gets it. `default` when nothing waits."""
        return self._ask("take", queue).get("value", default)

    def _ask(self, action: str, key: str, **said: Json) -> JsonObject:
        asked = {"action": action, "key": key, **self._place, **_said(said)}
        return answer_of(self._transport.send(request_for(asked)))


class AsyncStorage:
    """What `Storage` is to a plain function, to one that is `async def`: the same methods, to be awaited.

    number = await storage.add("calls")
    async for key in storage.keys("order-"): ...
    """

    def __init__(self, transport: AsyncTransport, place: JsonObject | None = None) -> None:
        self._transport = transport
        self._place = place or {}

    def of_user(self) -> AsyncStorage:
        return AsyncStorage(self._transport, _USER)

    def of_workspace(self, workspace_id: str) -> AsyncStorage:
        return AsyncStorage(self._transport, _workspace(workspace_id))

    async def get(self, key: str, default: Json = None) -> Json:
        return (await self._ask("get", key)).get("value", default)

    async def look_up(self, key: str) -> Stored | None:
        return _stored(await self._ask("get", key))

    async def set(
        self,
        key: str,
        value: Json,
        *,
        for_seconds: float | None = None,
        if_absent: bool = False,
        if_version: int | None = None,
    ) -> int | None:
        conditions = {"if_absent": if_absent, "if_version": if_version}
        return (await self._ask("set", key, value=value, for_seconds=for_seconds, **conditions)).get("version")

    async def delete(self, key: str) -> bool:
        return (await self._ask("delete", key))["is_deleted"]

    async def keys(self, prefix: str = "", *, after: str = "") -> AsyncGenerator[str]:
        while True:
            page = (await self._ask("keys", prefix, after=after))["keys"]
            for key in page:
                yield key
            if len(page) < MAX_PAGE:
                return
            after = page[-1]

    async def add(self, key: str, amount: int = 1, *, for_seconds: float | None = None) -> int:
        return (await self._ask("add", key, amount=amount, for_seconds=for_seconds))["number"]

    async def append(
        self, key: str, item: Json, *, keep_last: int | None = None, for_seconds: float | None = None
    ) -> int:
        return (await self._ask("append", key, value=item, keep_last=keep_last, for_seconds=for_seconds))["length"]

    async def pop(self, key: str, default: Json = None) -> Json:
        return (await self._ask("pop", key)).get("value", default)

    async def push(self, queue: str, item: Json, *, for_seconds: float | None = None) -> int:
        return (await self._ask("push", queue, value=item, for_seconds=for_seconds))["length"]

    async def take(self, queue: str, default: Json = None) -> Json:
        return (await self._ask("take", queue)).get("value", default)

    async def _ask(self, action: str, key: str, **said: Json) -> JsonObject:
        asked = {"action": action, "key": key, **self._place, **_said(said)}
        return answer_of(await self._transport.exchange(request_for(asked)))


_USER: JsonObject = {"scope": "user"}


def _workspace(workspace_id: str) -> JsonObject:
    return {"scope": "workspace", "workspace_id": workspace_id}


def _said(said: JsonObject) -> JsonObject:
    return {name: value for name, value in said.items() if value is not None}


def _stored(answer: JsonObject) -> Stored | None:
    return Stored(**answer) if answer else None
