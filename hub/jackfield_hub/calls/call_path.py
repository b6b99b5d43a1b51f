"""The way of a call through the hub, in front of everything else.

    POST /core/v1/connectors/{name}/versions/{version}/call
    token → caller → body, with a limit → service.call → {"outcome": …, "output": …}

A plain ASGI function: a framework costs more here than all the rest of a call. /openapi.json describes it all the same
(calls/openapi.py).
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import orjson
from starlette.requests import Request

from jackfield_hub.body_budget import Room
from jackfield_hub.calls import service
from jackfield_hub.calls.body import read_call
from jackfield_hub.errors import NotFound, Refused, TooLarge, WrongMethod
from jackfield_hub.front_door import WHOLE_ANSWER, App, Message, Receive, Scope, Send, answer, takes_whole_answers
from jackfield_hub.hub import Hub
from jackfield_hub.idempotency.shapes import REPLAYED_HEADER, promise_for
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.shapes import Caller
from jackfield_hub.web import caller_of

ROUTE = "/core/v1/connectors/{name}/versions/{version}/call"
_PREFIX, _SUFFIX = b"/core/v1/connectors/", b"/call"


class _Head(NamedTuple):
    """What the headers of a call say."""

    authorization: str | None = None
    announced_bytes: int = 0
    idempotency_key: str | None = None


class _ClientGone(Exception):
    """The client left in the middle of its own request."""


class CallPath:
    """Serves calls; whatever is not one goes to the application behind."""

    def __init__(self, hub: Hub, behind: App) -> None:
        self._hub = hub
        self._behind = behind

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        pieces = _pieces(scope)
        if pieces is None:
            return self._behind(scope, receive, send)
        scope["state"]["route"] = ROUTE
        return self._answer(scope, receive, send, pieces)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, pieces: tuple[bytes, bytes]) -> None:
        try:
            await _answer_call(scope, send, await self._serve(scope, receive, pieces))
        except Refused as refusal:
            self._hub.numbers.count_refusal(refusal)
            await answer(send, refusal)
        except _ClientGone:
            pass  # nobody is left to answer, and nothing was run

    async def _serve(self, scope: Scope, receive: Receive, pieces: tuple[bytes, bytes]) -> bytes:
        if scope["method"] != "POST":
            raise WrongMethod(f"This address does not take {scope['method']}", {"Allow": "POST"})
        head = _read_head(scope)
        caller = await self._caller(scope, head.authorization)
        scope["state"]["organization_id"] = caller.organization_id
        service.check_takes_calls(self._hub)
        with self._hub.bodies.room() as room:
            # A client may take its time to send, and holds no place meanwhile.
            body = await _read_body(receive, head, self._hub.settings.max_body_bytes, room)
            async with service.place_for_a_call(self._hub, caller):
                return await self._call(scope, caller, head, pieces, body)

    def _caller(self, scope: Scope, authorization: str | None) -> Awaitable[Caller]:
        if authorization is not None:
            return identity.identify(self._hub, authorization)
        return caller_of(self._hub, Request(scope))  # a page of the hub, with its session

    async def _call(self, scope: Scope, caller: Caller, head: _Head, pieces: tuple[bytes, bytes], body: bytes) -> bytes:
        asked = read_call(body)
        called = service.Address(_decoded(pieces[0]), _decoded(pieces[1]))
        promise = promise_for(caller, "call", head.idempotency_key, *pieces, body)
        ending = await service.call(self._hub, caller, called, asked, scope["state"]["request_id"], promise=promise)
        scope["state"]["is_told"] = promise is None or not promise.is_replay  # in a line of its own
        if promise is not None and promise.is_replay:
            scope["state"]["answer_headers"] = {REPLAYED_HEADER: "true"}
        return orjson.dumps({"outcome": ending.outcome, "output": orjson.Fragment(ending.output)})


def _pieces(scope: Scope) -> tuple[bytes, bytes] | None:
    """Return name and version as they are written in the path of a call, or None for any other path."""
    path: bytes = scope["raw_path"]
    if not path.startswith(_PREFIX) or not path.endswith(_SUFFIX):
        return None
    parts = path[len(_PREFIX) : -len(_SUFFIX)].split(b"/")
    return (parts[0], parts[2]) if len(parts) == 3 and parts[1] == b"versions" else None


def _decoded(piece: bytes) -> str:
    try:
        return (unquote_to_bytes(piece) if b"%" in piece else piece).decode()
    except UnicodeDecodeError:
        raise NotFound("There is nothing at this address") from None


def _read_head(scope: Scope) -> _Head:
    authorization, announced, key = None, 0, None
    for name, value in scope["headers"]:
        if name == b"authorization" and authorization is None:  # the first, as everywhere else
            authorization = value.decode("latin-1")
        elif name == b"content-length":
            announced = int(value)  # the server has checked that it is a number
        elif name == b"idempotency-key":
            key = value.decode("latin-1")
    return _Head(authorization, announced, key)


async def _read_body(receive: Receive, head: _Head, max_bytes: int, room: Room) -> bytes:
    body, more = bytearray(), head.announced_bytes <= max_bytes
    if not more:
        raise _too_large(max_bytes)
    room.expect(head.announced_bytes)
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        room.hold(len(body))
    return bytes(body)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {max_bytes} bytes, the most this hub takes here")


async def _answer_call(scope: Scope, send: Send, content: bytes) -> None:
    if takes_whole_answers(scope):
        await send({"type": WHOLE_ANSWER, "status": 200, "body": content})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
