"""Services API: how a third party's API is set up here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from jackfield_hub.errors import NotFound, refusals
from jackfield_hub.services import service
from jackfield_hub.services.shapes import Environments
from jackfield_hub.web import CurrentCaller, CurrentHub

router = APIRouter(prefix="/core/v1/services", tags=["Services"])

ServiceVersion = Annotated[int, Path(ge=0, le=2**31 - 1)]


@router.get("/{name}/versions/{version}/environments", responses=refusals(NotFound))
async def list_environments(name: str, version: ServiceVersion, caller: CurrentCaller, hub: CurrentHub) -> Environments:
    """List the environments of a service: what an authentication for it must hold, and its scopes. Not a task."""
    return await service.list_environments(hub, caller, name, version)
