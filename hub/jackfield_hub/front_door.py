"""What every request passes first and every answer last: its id, its line in the log, and an apology when we fail."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from jackfield_hub.errors import Broken, Refused, Unavailable
from jackfield_hub.ids import random_bytes
from jackfield_hub.logs import describe, log, tell
from jackfield_hub.metrics.numbers import Numbers

if TYPE_CHECKING:
    from jackfield_hub.traces.spans import Traces

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID_HEADER = b"x-request-id"

#: An ASGI extension: an answer of JSON in one message, `{"type": WHOLE_ANSWER, "status", "headers", "body"}`. It leaves
#: in one piece, without the steps that are there for answers that come bit by bit. Ask `takes_whole_answers` before.
WHOLE_ANSWER = "jackfield.answer"
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")


def new_request_id() -> str:
    """Return an id nobody has used, for example `4f1c0a9be2d7735c`."""
    return random_bytes(8).hex()


class FrontDoor:
    """The outermost ASGI application. In `scope["state"]` it leaves `request_id`; what is inside may leave

    `route` (the address as a template, such as `/v1/me`) and `organization_id` there, for the log, `is_told` when the
    log knows of the request already, and `answer_headers` for the answer.
    """

    def __init__(self, inside: App, numbers: Numbers, traces: Traces | None = None) -> None:
        self._inside = inside
        self._numbers = numbers
        self._traces = traces

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return _nothing()
        if self._traces is not None:
            self._traces.remember(scope["headers"])
        return _Visit(scope, send, self._numbers).pass_through(self._inside, receive)


class _Visit:
    """One request and its answer."""

    def __init__(self, scope: Scope, send: Send, numbers: Numbers) -> None:
        self._scope = scope
        self._numbers = numbers
        self._send = send
        self.status = 0  # nothing answered yet
        self._started_at = time.perf_counter()
        self._id = _sent_id(scope) or new_request_id()
        self._state: dict[str, Any] = scope.setdefault("state", {})
        self._state["request_id"] = self._id

    async def pass_through(self, inside: App, receive: Receive) -> None:
        try:
            await inside(self._scope, receive, self._answer)
        except asyncio.CancelledError:  # the hub stops and has waited long enough
            await self._apologise(Unavailable("The hub is stopping; whether this was carried out is not known"))
            raise
        except ClientDisconnect:
            pass  # nobody is there to read an answer
        except Exception as failure:
            log.error("request_broke", request_id=self._id, **describe(failure))
            await self._apologise(Broken(self._id))
        finally:
            self._write_log()
            self._numbers.count_request(self._route, self.status)

    async def _answer(self, message: Message) -> None:
        if "status" in message:  # it begins
            self.status = message["status"]
            headers = [*message.get("headers", ()), (REQUEST_ID_HEADER, self._id.encode())]
            more: dict[str, str] | None = self._state.get("answer_headers")
            if more:
                headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
            message["headers"] = headers
        await self._send(message)

    async def _apologise(self, refusal: Refused) -> None:
        self._numbers.count_refusal(refusal)
        if self.status:
            return  # too late for another answer; the connection is closed in the middle of this one
        await answer(self._answer, refusal)

    @property
    def _route(self) -> str | None:
        """Where it went, as a template, such as `/v1/me`."""
        return self._state.get("route") or getattr(self._scope.get("route"), "path", None)

    def _write_log(self) -> None:
        if self._state.get("is_told") and self.status == 200:
            return
        tell(
            "request",
            method=self._scope["method"],
            route=self._route,
            status=self.status,
            ms=round((time.perf_counter() - self._started_at) * 1000, 2),
            request_id=self._id,
            organization=self._state.get("organization_id"),
        )


async def _nothing() -> None: ...


def takes_whole_answers(scope: Scope) -> bool:
    return WHOLE_ANSWER in scope.get("extensions", ())


async def answer(send: Send, refusal: Refused) -> None:
    """Send a refusal as the whole answer."""
    body = refusal.to_bytes()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _sent_id(scope: Scope) -> str | None:
    """Return the request id the client chose, if it is one that can be written to a log."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _SANE_ID.fullmatch(value):
            return value.decode()
    return None
