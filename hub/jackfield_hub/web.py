"""What routes are given: the hub, who called, and the body, read with a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic import BaseModel

from jackfield_hub.body_budget import Room
from jackfield_hub.errors import TooLarge
from jackfield_hub.hub import Hub
from jackfield_hub.idempotency.shapes import KEY_HEADER, REPLAYED_HEADER, Promise
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.sessions import service as sessions
from jackfield_hub.identity.shapes import Caller
from jackfield_hub.json_body import Model, read_model

SESSION_COOKIE = "jackfield-session"
_HARMLESS = ("GET", "HEAD", "OPTIONS")


def _current_hub(request: Request) -> Hub:
    return request.app.state.hub


CurrentHub = Annotated[Hub, Depends(_current_hub)]


def origin_of(request: Request) -> str:
    """Return where browsers find this hub, for example `https://hub.example.com`."""
    return _origin(request.app.state.hub, request)


def _origin(hub: Hub, request: Request) -> str:
    return hub.settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"


def cookie_name(origin: str, name: str = SESSION_COOKIE) -> str:
    """Return what a cookie is called in the browser. With the prefix it is taken from this very host only."""
    return f"__Host-{name}" if origin.startswith("https://") else name


def _current_session(request: Request) -> str | None:
    return request.cookies.get(cookie_name(origin_of(request)))


CurrentSession = Annotated[str | None, Depends(_current_session)]
"""The text of the browser's session, good or not. Only routes about sessions themselves look at it."""


async def caller_of(hub: Hub, request: Request) -> Caller:
    """Return who sent a request that no route of the framework has taken. Raises Unauthorized, Forbidden."""
    return await _identify(request, hub, request.cookies.get(cookie_name(_origin(hub, request))))


async def _identify(request: Request, hub: Hub, session: str | None) -> Caller:
    authorization = request.headers.get("authorization")
    if authorization is not None or session is None:
        return await identity.identify(hub, authorization)
    caller = await sessions.identify(hub, session)
    if request.method not in _HARMLESS:
        sessions.check_is_ours(session, request.headers.get("x-csrf-token"))
    return caller


async def _current_caller(request: Request, hub: CurrentHub, session: CurrentSession) -> Caller:
    caller = await _identify(request, hub, session)
    request.state.organization_id = caller.organization_id
    request.state.answer_headers = hub.limits.take(caller)
    return caller


CurrentCaller = Annotated[Caller, Depends(_current_caller)]
"""Who sent the request: the bearer of a token, or the member of a session. Without, the route is not entered: 401.

Nor is it after too many requests: 429.
"""


def body_of(model: type[Model]) -> Callable[..., Awaitable[Model]]:
    """Return a dependency that reads the body whatever its label says, and only for somebody with a good token."""

    async def read(request: Request, _caller: CurrentCaller, hub: CurrentHub) -> Model:
        return read_model(model, await read_body(request, hub.settings.max_body_bytes))

    return read


def described_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return what /openapi.json says of a body that `body_of` reads."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        description="A text of your choice: a request that is sent again with it, within 24 hours, is answered as the "
        "first time and not carried out again.",
    ),
]


def say_replayed(request: Request, promise: Promise | None) -> None:
    """Tell the client in a header when the answer is one that was given before."""
    if promise is not None and promise.is_replay:
        request.state.answer_headers[REPLAYED_HEADER] = "true"


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the whole body. Raises TooLarge as soon as it is clear that there are more than `max_bytes`.

    Raises Unavailable when other large bodies leave no room for it.
    """
    room: Room = request.state.room
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    room.expect(int(announced) if announced.isdecimal() else 0)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        room.hold(len(body))
    return bytes(body)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {max_bytes} bytes, the most this hub takes here")
