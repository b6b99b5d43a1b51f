"""What connectors said. Calls themselves come in by call_path.py, and are looked up in history/."""

from __future__ import annotations

from fastapi import APIRouter

from jackfield_hub.calls import service
from jackfield_hub.calls.shapes import AuthorsLogAnswer
from jackfield_hub.errors import Forbidden, NotFound, refusals
from jackfield_hub.web import CurrentCaller, CurrentHub

router = APIRouter(tags=["Connectors"])


@router.get("/v1/connectors/{name}/versions/{version}/log", responses=refusals(Forbidden, NotFound))
async def read_authors_log(name: str, version: str, caller: CurrentCaller, hub: CurrentHub) -> AuthorsLogAnswer:
    """Tell a connector's author what its latest calls printed, and how its code failed."""
    return await service.read_authors_log(hub, caller, service.Address(name, version))
