"""What routes are given, and what every request gets: who called, the hub, a request id."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from jackfield_hub.hub import Hub
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.shapes import Caller


def _current_hub(request: Request) -> Hub:
    return request.app.state.hub


CurrentHub = Annotated[Hub, Depends(_current_hub)]


async def _current_caller(request: Request, hub: CurrentHub) -> Caller:
    return await identity.identify(hub, request.headers.get("authorization"))


CurrentCaller = Annotated[Caller, Depends(_current_caller)]
"""Who sent the request. Without a good token the route is not entered: 401."""
