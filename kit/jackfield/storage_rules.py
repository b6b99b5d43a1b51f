"""What can be asked of storage, and what each action makes of what is there. The hub and local runs share these rules.

    get · set · delete       a value under a key; `set` may depend on what is there
    add                      a number under a key, up or down
    append · pop             a list under a key
    keys                     which keys there are, a page at a time
    push · take              a queue: what was pushed first is taken first

An action travels as an ordinary request to STORAGE_URL with a JSON body; it goes to no third party.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, cast

import orjson

from jackfield.errors import InvalidInput, OperationError, PlatformError, StorageFull, TooLarge
from jackfield.exchange import Json, JsonObject, Request, Response
from jackfield.shapes import Field, input_schema, read_input
from jackfield.validation import Schema

STORAGE_URL = "storage:"
MAX_KEY_CHARACTERS = 200
MAX_VALUE_BYTES = 256 * 1024
MAX_PAGE = 1000
MAX_NUMBER = 2**53 - 1  # what every JSON reader takes for the same number
_ENVELOPE_BYTES = 4096  # an action beside its value
_REFUSED = 400
_REFUSALS: dict[str, type[OperationError]] = {kind.__name__: kind for kind in (InvalidInput, TooLarge, StorageFull)}

Scope = Literal["connector", "user", "workspace"]
Action = Literal["get", "set", "delete", "add", "append", "pop", "keys", "push", "take"]
Key = Annotated[str, Field(max_length=MAX_KEY_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]*$")]

READING: frozenset[Action] = frozenset({"get", "keys"})
#: Whose outcome does not depend on what value is there.
BLIND: frozenset[Action] = frozenset({"set", "delete"})
OF_QUEUES: frozenset[Action] = frozenset({"push", "take"})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One action. What it needs not has its default."""

    action: Action
    scope: Scope = "connector"
    workspace_id: Key = ""
    key: Key = ""  # of `keys`: how they begin
    value: Any = None
    amount: Annotated[int, Field(minimum=-MAX_NUMBER, maximum=MAX_NUMBER)] = 1
    for_seconds: Annotated[float | None, Field(minimum=0.001, maximum=315_360_000)] = None
    if_absent: bool = False
    if_version: Annotated[int | None, Field(minimum=0, maximum=MAX_NUMBER)] = None
    keep_last: Annotated[int | None, Field(minimum=1)] = None
    after: Key = ""
    limit: Annotated[int, Field(minimum=1, maximum=MAX_PAGE)] = MAX_PAGE

    def ends_at(self, now: float) -> float | None:
        """Return when what is kept now shall be gone; None: never."""
        return None if self.for_seconds is None else now + self.for_seconds


@dataclass(frozen=True, slots=True)
class Kept:
    """A value as it is kept. `content` is its JSON text; `version` is another one whenever it was changed."""

    content: bytes
    version: int
    expires_at: float | None = None

    @classmethod
    def of(cls, value: Json, version: int, expires_at: float | None, max_bytes: int) -> Kept:
        """Return a value to keep. Raises InvalidInput, TooLarge."""
        content = _json_text(value)
        if len(content) > max_bytes:
            raise TooLarge(f"A value may have {max_bytes:,} bytes as JSON, and this one has {len(content):,}.")
        return cls(content, version, expires_at)

    def is_over(self, now: float) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    @property
    def value(self) -> Json:
        return orjson.loads(self.content)


@dataclass(frozen=True, slots=True)
class Moment:
    """When an action happens: the time, and the version that what it changes gets."""

    now: float
    version: int
    max_value_bytes: int = MAX_VALUE_BYTES


def change(asked: Asked, kept: Kept | None, moment: Moment) -> tuple[Kept | None, JsonObject]:
    """Return what is under the key afterwards, and the answer. What is not changed is the very same object.

    Raises InvalidInput, TooLarge.
    """
    match asked.action:
        case "set":
            return _set(asked, kept, moment)
        case "delete":
            return None, {"is_deleted": kept is not None}
        case "add":
            return _add(asked, kept, moment)
        case "append":
            return _append(asked, kept, moment)
        case "pop":
            return _pop(asked, kept, moment)
        case _:
            return kept, found(kept)


def found(kept: Kept | None) -> JsonObject:
    """Return the answer to who reads a value: {} when there is none."""
    if kept is None:
        return {}
    return {"value": kept.value, "version": kept.version, "expires_at": kept.expires_at}


def taken(kept: Kept | None) -> JsonObject:
    """Return the answer to who takes a value out: {} when there is none."""
    return {} if kept is None else {"value": kept.value}


def _set(asked: Asked, kept: Kept | None, moment: Moment) -> tuple[Kept | None, JsonObject]:
    is_changed = asked.if_version is not None and (kept is None or kept.version != asked.if_version)
    if is_changed or (asked.if_absent and kept is not None):
        return kept, {}
    new = Kept.of(asked.value, moment.version, asked.ends_at(moment.now), moment.max_value_bytes)
    return new, {"version": new.version}


def _add(asked: Asked, kept: Kept | None, moment: Moment) -> tuple[Kept, JsonObject]:
    before = 0 if kept is None else kept.value
    if not isinstance(before, int) or isinstance(before, bool):
        raise InvalidInput(f"Under {asked.key!r} there is no whole number to add to. Use another key, or delete it.")
    after = before + asked.amount
    if abs(after) > MAX_NUMBER:
        raise InvalidInput(f"The number under {asked.key!r} would be larger than a number can be.")
    return _kept_on(asked, kept, after, moment), {"number": after}


def _append(asked: Asked, kept: Kept | None, moment: Moment) -> tuple[Kept, JsonObject]:
    items = [*_list_under(asked, kept), asked.value]
    items = items[-asked.keep_last :] if asked.keep_last is not None else items
    return _kept_on(asked, kept, items, moment), {"length": len(items)}


def _pop(asked: Asked, kept: Kept | None, moment: Moment) -> tuple[Kept | None, JsonObject]:
    items = _list_under(asked, kept)
    if not items:
        return kept, {}
    last = items.pop()
    return _kept_on(asked, kept, items, moment), {"value": last}


def _list_under(asked: Asked, kept: Kept | None) -> list[Json]:
    items: Any = [] if kept is None else kept.value
    if not isinstance(items, list):
        raise InvalidInput(f"Under {asked.key!r} there is no list. Use another key, or delete it.")
    return cast("list[Json]", items)


def _kept_on(asked: Asked, kept: Kept | None, value: Json, moment: Moment) -> Kept:
    """Return a number or a list that goes on: it ends when it was to end at its beginning."""
    ends_at = asked.ends_at(moment.now) if kept is None else kept.expires_at
    return Kept.of(value, moment.version, ends_at, moment.max_value_bytes)


def _json_text(value: Json) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as mistake:  # orjson's words are about the value's type or its depth, never its content
        raise InvalidInput(f"Storage keeps what JSON can say: {mistake}.") from None


# How an action and its answer travel.


def is_for_storage(request: Request) -> bool:
    """Whether a request is an action on storage."""
    return request.url == STORAGE_URL


def request_for(asked: JsonObject) -> Request:
    """Return an action as a request. Raises InvalidInput."""
    return Request("POST", STORAGE_URL, (("Content-Type", "application/json"),), _json_text(asked), None, False)


def read_asked(body: bytes, max_value_bytes: int = MAX_VALUE_BYTES) -> Asked:
    """Return what a request asks. Whoever wrote it may be hostile. Raises InvalidInput, TooLarge."""
    if len(body) > max_value_bytes + _ENVELOPE_BYTES:
        raise TooLarge(f"A value may have {max_value_bytes:,} bytes as JSON, and this one has more.")
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidInput("Storage was asked something that is no JSON.") from None
    problems = _check().problems(said)
    if problems:
        raise InvalidInput(f"Storage cannot do that. {'; '.join(problems)}.")
    asked = read_input(Asked, said)
    if not asked.key and asked.action != "keys":
        raise InvalidInput("A key needs a character at least.")
    return asked


def answered(answer: JsonObject) -> Response:
    """Return an answer as a response."""
    return Response(200, (("Content-Type", "application/json"),), orjson.dumps(answer))


def refused(error: OperationError) -> Response:
    """Return a refusal as a response."""
    return Response(_REFUSED, (), orjson.dumps({"kind": error.kind, "message": error.message}))


def answer_of(response: Response) -> JsonObject:
    """Return what was answered. Raises the error that a refusal stands for."""
    said: JsonObject = orjson.loads(response.body)
    if response.status != _REFUSED:
        return said
    raise _REFUSALS.get(said["kind"], PlatformError)(said["message"])


@cache
def _check() -> Schema:
    return Schema(input_schema(Asked))
