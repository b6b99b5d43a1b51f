"""Permissions API: with whom a connector is shared. Clients know two forms of each address."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from jackfield_hub.catalog import sharing
from jackfield_hub.catalog.shapes import Permissions, Shared, SharedEmails, SharedWithWorkspaces, SharedWorkspaces
from jackfield_hub.catalog.sharing import NotShareable
from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, refusals
from jackfield_hub.web import CurrentCaller, CurrentHub, body_of, described_body

router = APIRouter(tags=["Permissions"])

_CONNECTOR = "connectors/{name}/versions/{version}"
_PUBLIC = f"/cdk/v1/permissions/{_CONNECTOR}"
_INTERNAL = f"/internal/v1/{_CONNECTOR}/permissions"
_REFUSALS = refusals(InvalidInput, Forbidden, NotShareable)


@router.post(f"{_PUBLIC}/share-with-emails", responses=_REFUSALS, openapi_extra=described_body(SharedEmails))
@router.post(f"{_INTERNAL}/share-with-emails", include_in_schema=False)
async def share_with_emails(
    name: str,
    version: str,
    wanted: Annotated[SharedEmails, Depends(body_of(SharedEmails))],
    caller: CurrentCaller,
    hub: CurrentHub,
) -> Shared:
    """Let people and programs of your organization see and call a connector you deployed."""
    return await sharing.share_with_emails(hub, caller, name, version, wanted.emails)


@router.post(f"{_PUBLIC}/share-with-workspaces", responses=_REFUSALS, openapi_extra=described_body(SharedWorkspaces))
@router.post(f"{_INTERNAL}/share-with-workspaces", include_in_schema=False)
async def share_with_workspaces(
    name: str,
    version: str,
    wanted: Annotated[SharedWorkspaces, Depends(body_of(SharedWorkspaces))],
    caller: CurrentCaller,
    hub: CurrentHub,
) -> SharedWithWorkspaces:
    """Let everybody in these workspaces see and call a connector you deployed."""
    return await sharing.share_with_workspaces(hub, caller, name, version, wanted.workspace_ids)


@router.get(_PUBLIC, responses=refusals(Forbidden, NotShareable))
@router.get(_INTERNAL, include_in_schema=False)
async def list_permissions(name: str, version: str, caller: CurrentCaller, hub: CurrentHub) -> Permissions:
    """Tell with whom a connector you deployed is shared."""
    return await sharing.list_permissions(hub, caller, name, version)


@router.delete(f"/v1/{_CONNECTOR}/permissions/{{email}}", status_code=204, responses=refusals(Forbidden, NotFound))
async def stop_sharing(name: str, version: str, email: str, caller: CurrentCaller, hub: CurrentHub) -> None:
    """Let somebody see a connector you deployed no more."""
    await sharing.stop_sharing(hub, caller, name, version, email)
