"""What an organization has used. Calls themselves come in by call_path.py."""

from __future__ import annotations

from fastapi import APIRouter

from jackfield_hub.calls import service
from jackfield_hub.calls.shapes import Usage
from jackfield_hub.errors import refusals
from jackfield_hub.web import CurrentCaller, CurrentHub

router = APIRouter(tags=["Usage"])


@router.get("/v1/usage", responses=refusals())
async def read_usage(caller: CurrentCaller, hub: CurrentHub) -> Usage:
    """Tell how many tasks your organization has used. Every executed call is one; lists and refusals are none."""
    return await service.count_usage(hub, caller)
