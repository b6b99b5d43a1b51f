"""What an organization has used, and what its connectors said. Calls themselves come in by call_path.py."""

from __future__ import annotations

from fastapi import APIRouter

from jackfield_hub.calls import service
from jackfield_hub.calls.shapes import AuthorsLogAnswer, Usage
from jackfield_hub.errors import Forbidden, NotFound, refusals
from jackfield_hub.web import CurrentCaller, CurrentHub

router = APIRouter(tags=["Usage"])


@router.get("/v1/usage", responses=refusals())
async def read_usage(caller: CurrentCaller, hub: CurrentHub) -> Usage:
    """Tell how many tasks your organization has used. Every executed call is one; lists and refusals are none."""
    return await service.count_usage(hub, caller)


@router.get("/v1/connectors/{name}/versions/{version}/log", responses=refusals(Forbidden, NotFound))
async def read_authors_log(name: str, version: str, caller: CurrentCaller, hub: CurrentHub) -> AuthorsLogAnswer:
    """Tell a connector's author what its latest calls printed, and how its code failed."""
    return await service.read_authors_log(hub, caller, service.Address(name, version))
