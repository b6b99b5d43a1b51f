"""The hub as one ASGI application.

socket ─▶ FrontDoor (request id, log) ─▶ the call path ─ everything else ─▶ FastAPI: one router a room
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from jackfield_hub import docs_page, health
from jackfield_hub.auths import routes as auths
from jackfield_hub.calls import routes as calls
from jackfield_hub.calls.call_path import CallPath
from jackfield_hub.calls.history import routes as history
from jackfield_hub.calls.history import sweep as history_sweep
from jackfield_hub.calls.openapi import describe_call_path
from jackfield_hub.catalog import permission_routes as permissions
from jackfield_hub.catalog import routes as catalog
from jackfield_hub.deployments import build
from jackfield_hub.deployments import routes as deployments
from jackfield_hub.deployments.service import largest_body
from jackfield_hub.dialog import routes as dialog
from jackfield_hub.errors import Broken, InvalidInput, NotFound, Refused, TooLarge, WrongMethod
from jackfield_hub.files import routes as files
from jackfield_hub.files.sweep import FILES
from jackfield_hub.front_door import App, FrontDoor, Message, Receive, Scope, Send
from jackfield_hub.graphql import routes as graphql
from jackfield_hub.hub import Hub
from jackfield_hub.identity import member_routes as members
from jackfield_hub.identity import routes as identity
from jackfield_hub.identity.sessions import routes as sessions
from jackfield_hub.identity.workspaces import routes as workspaces
from jackfield_hub.metrics import routes as metrics
from jackfield_hub.openapi import describe_api
from jackfield_hub.services import routes as services
from jackfield_hub.storage.sweep import STORAGE

ROUTERS = (
    catalog.router,
    services.router,
    auths.router,
    dialog.router,
    deployments.router,
    permissions.router,
    calls.router,
    history.router,
    files.router,
    identity.router,
    members.router,
    workspaces.router,
    sessions.router,
    graphql.router,
    health.router,
    metrics.router,
    docs_page.router,
)


class Api(FastAPI):
    """All routes but the call path, which is described with them all the same."""

    def __init__(self, hub: Hub) -> None:
        # A redirect to the path with a slash would be an answer without a message: such a path is simply unknown.
        super().__init__(version=version("jackfield-hub"), docs_url=None, redoc_url=None, redirect_slashes=False)
        self.state.hub = hub
        self._largest_body = max(largest_body(hub.settings), hub.settings.max_file_bytes)
        for router in ROUTERS:
            self.include_router(router)
        self.add_exception_handler(Refused, _refuse)
        self.add_exception_handler(RequestValidationError, _refuse_invalid)
        self.add_exception_handler(HTTPException, _refuse_unserved)
        self.add_exception_handler(Exception, _apologise)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub: Hub = self.state.hub
        with hub.bodies.room() as room:
            scope.setdefault("state", {})["room"] = room
            await super().__call__(scope, _at_most(self._largest_body, receive), send)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = describe_api(self.version, self.routes, describe_call_path())
        return self.openapi_schema


def create_app(hub: Hub) -> App:
    """Return the application that serves this hub, and begin to build what is deployed."""
    build.register(hub)
    history_sweep.register(hub)
    FILES.register(hub)
    STORAGE.register(hub)
    return FrontDoor(CallPath(hub, Api(hub)), hub.numbers, hub.traces)


def _at_most(max_bytes: int, receive: Receive) -> Receive:
    """Stop reading a body that is too large. FastAPI's own limit (`max_body_size`) would answer in plain text."""
    taken = 0

    async def receive_some() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > max_bytes:
            raise HTTPException(TooLarge.status)
        return message

    return receive_some


def _answer(request: Request, refusal: Refused) -> Response:
    hub: Hub = request.app.state.hub
    hub.numbers.count_refusal(refusal)
    return _to_response(refusal)


def _to_response(refusal: Refused) -> Response:
    return Response(refusal.to_bytes(), refusal.status, refusal.headers, media_type="application/json")


async def _refuse(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refused)
    return _answer(request, refusal)


async def _refuse_invalid(request: Request, mistake: Exception) -> Response:
    """Say what is wrong with path, query or body, without repeating it: `Invalid value for: body (… at 'name')`."""
    assert isinstance(mistake, RequestValidationError)
    first = mistake.errors()[0]
    place, *path = [str(part) for part in first["loc"]]
    where = f" at '{'.'.join(path)}'" if path else ""
    return _answer(request, InvalidInput(f"Invalid value for: {place} ({first['msg']}{where})"))


async def _refuse_unserved(request: Request, mistake: Exception) -> Response:
    assert isinstance(mistake, HTTPException)
    if mistake.status_code == NotFound.status:
        return _answer(request, NotFound("There is nothing at this address"))
    if mistake.status_code == WrongMethod.status:
        return _answer(request, WrongMethod(f"This address does not take {request.method}", mistake.headers))
    if mistake.status_code == TooLarge.status:
        return _answer(request, TooLarge("The body is larger than anything this hub takes"))
    return _answer(request, InvalidInput("The request could not be read"))


async def _apologise(request: Request, _failure: Exception) -> Response:
    return _to_response(Broken(request.state.request_id))  # the failure goes on to FrontDoor, which counts it
