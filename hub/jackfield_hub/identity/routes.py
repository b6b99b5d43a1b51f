"""Who am I?"""

from __future__ import annotations

from fastapi import APIRouter

from jackfield_hub.errors import refusals
from jackfield_hub.identity import service
from jackfield_hub.identity.shapes import Me
from jackfield_hub.web import CurrentCaller, CurrentHub

router = APIRouter(tags=["Identity"])


@router.get("/v1/me", responses=refusals())
async def read_me(caller: CurrentCaller, hub: CurrentHub) -> Me:
    """Tell whose token this is."""
    return await service.who_is(hub, caller)
