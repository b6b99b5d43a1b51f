"""Workspaces API of the public contract, and our own address to make one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from jackfield_hub.errors import Conflict, Forbidden, InvalidInput, NotFound, refusals
from jackfield_hub.identity import roles
from jackfield_hub.identity.shapes import NewRole, Nothing, Roles
from jackfield_hub.identity.workspaces import service
from jackfield_hub.identity.workspaces.shapes import (
    NewMember,
    NewWorkspace,
    WorkspaceElement,
    WorkspaceMember,
    WorkspaceMembers,
    Workspaces,
    WorkspaceType,
)
from jackfield_hub.paging import Paging
from jackfield_hub.web import CurrentCaller, CurrentHub, body_of, described_body

router = APIRouter(tags=["Workspaces"])

_WORKSPACES = "/core/v1/workspaces"
_MEMBER = f"{_WORKSPACES}/{{workspace_id}}/users/{{user_id}}"


def _asked_type(
    kind: Annotated[str, Query(alias="type", description="Only those of this type, in capitals or not.")] = "",
) -> WorkspaceType | None:
    if not kind:
        return None
    for known in WorkspaceType:
        if kind.lower().replace("_", "") == known.lower():
            return known
    raise InvalidInput(f"Invalid value for: query (expecting one of {', '.join(WorkspaceType)} at 'type')")


@router.get(_WORKSPACES, response_model_exclude_none=True, responses=refusals(InvalidInput, Forbidden))
async def list_workspaces(
    caller: CurrentCaller,
    hub: CurrentHub,
    asked: Paging,
    kind: Annotated[WorkspaceType | None, Depends(_asked_type)],
) -> Workspaces:
    """List the workspaces you may see, a page at a time."""
    return await service.list_workspaces(hub, caller, kind, asked)


@router.post(
    "/v1/workspaces",
    response_model_exclude_none=True,
    responses=refusals(InvalidInput, Forbidden),
    openapi_extra=described_body(NewWorkspace),
)
async def create_workspace(
    wanted: Annotated[NewWorkspace, Depends(body_of(NewWorkspace))], caller: CurrentCaller, hub: CurrentHub
) -> WorkspaceElement:
    """Make a workspace that people and programs share. Takes an administrator."""
    return await service.create_workspace(hub, caller, wanted)


@router.get(
    f"{_WORKSPACES}/{{workspace_id}}", response_model_exclude_none=True, responses=refusals(Forbidden, NotFound)
)
async def read_workspace(workspace_id: str, caller: CurrentCaller, hub: CurrentHub) -> WorkspaceElement:
    """Look at a workspace."""
    return await service.read_workspace(hub, caller, workspace_id)


@router.get(f"{_WORKSPACES}/{{workspace_id}}/roles", responses=refusals(Forbidden, NotFound))
async def list_roles(workspace_id: str, caller: CurrentCaller, hub: CurrentHub) -> Roles:
    """List the roles one can have in a workspace."""
    await service.read_workspace(hub, caller, workspace_id)
    return Roles(elements=roles.list_workspace_roles())


@router.get(f"{_WORKSPACES}/{{workspace_id}}/users", responses=refusals(InvalidInput, Forbidden, NotFound))
async def list_members(workspace_id: str, caller: CurrentCaller, hub: CurrentHub, asked: Paging) -> WorkspaceMembers:
    """List who is in a workspace, a page at a time."""
    return await service.list_members(hub, caller, workspace_id, asked)


@router.post(
    f"{_WORKSPACES}/{{workspace_id}}/users",
    responses=refusals(InvalidInput, Forbidden, NotFound, Conflict),
    openapi_extra=described_body(NewMember),
)
async def add_member(
    workspace_id: str,
    wanted: Annotated[NewMember, Depends(body_of(NewMember))],
    caller: CurrentCaller,
    hub: CurrentHub,
) -> Nothing:
    """Take somebody of the organization into a workspace."""
    await service.add_member(hub, caller, workspace_id, wanted)
    return Nothing()


@router.get(_MEMBER, responses=refusals(Forbidden, NotFound))
async def read_member(workspace_id: str, user_id: str, caller: CurrentCaller, hub: CurrentHub) -> WorkspaceMember:
    """Look at somebody in a workspace."""
    return await service.read_member(hub, caller, workspace_id, user_id)


@router.put(
    _MEMBER,
    responses=refusals(InvalidInput, Forbidden, NotFound, Conflict),
    openapi_extra=described_body(NewRole),
)
async def change_member(
    workspace_id: str,
    user_id: str,
    wanted: Annotated[NewRole, Depends(body_of(NewRole))],
    caller: CurrentCaller,
    hub: CurrentHub,
) -> Nothing:
    """Give somebody in a workspace another role there."""
    await service.change_member(hub, caller, workspace_id, user_id, wanted.role_id)
    return Nothing()


@router.delete(_MEMBER, responses=refusals(Forbidden, NotFound, Conflict))
async def remove_member(workspace_id: str, user_id: str, caller: CurrentCaller, hub: CurrentHub) -> Nothing:
    """Take somebody out of a workspace."""
    await service.remove_member(hub, caller, workspace_id, user_id)
    return Nothing()
