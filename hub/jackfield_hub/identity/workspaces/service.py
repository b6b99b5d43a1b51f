"""Workspaces: what there is to see of them, and who is in them as what.

Administrators of the organization see all and may change all; others see those they are in, and those that are open to
everybody; an Admin of a workspace may change who is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import Transaction
from jackfield_hub.errors import Conflict, Forbidden, NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity import members, roles, service
from jackfield_hub.identity.shapes import Caller, CallerKind, Right, Role
from jackfield_hub.identity.workspaces import store
from jackfield_hub.identity.workspaces.shapes import (
    NewMember,
    NewWorkspace,
    WorkspaceElement,
    WorkspaceMember,
    WorkspaceMembers,
    Workspaces,
    WorkspaceType,
)
from jackfield_hub.paging import AskedPage, page_info

_ONES_OWN = (WorkspaceType.PERSONAL, WorkspaceType.PERSONAL_EXTERNAL)


async def list_workspaces(hub: Hub, caller: Caller, kind: WorkspaceType | None, asked: AskedPage) -> Workspaces:
    """Return one page of the workspaces the caller may see. Raises Forbidden for end users."""
    caller.require(Right.SEE_PEOPLE)
    async with hub.database.reading(caller.organization_id) as tx:
        cut = await store.list_workspaces(tx, caller.organization_id, _seen_by(caller), kind, asked)
    return Workspaces(elements=[_element(row) for row in cut.rows], page_info=page_info(cut))


async def read_workspace(hub: Hub, caller: Caller, workspace_id: str) -> WorkspaceElement:
    """Return a workspace the caller may see. Raises Forbidden, NotFound."""
    caller.require(Right.SEE_PEOPLE)
    async with hub.database.reading(caller.organization_id) as tx:
        return _element(await _find(tx, caller, workspace_id))


async def create_workspace(hub: Hub, caller: Caller, wanted: NewWorkspace) -> WorkspaceElement:
    """Make a workspace to share. Raises Forbidden."""
    caller.require(Right.MANAGE_PEOPLE)
    async with hub.database.transaction(caller.organization_id) as tx:
        workspace_id = await service.store_workspace(
            tx,
            caller.organization_id,
            name=wanted.name,
            kind=WorkspaceType.SHARED,
            now=hub.clock(),
            of=caller.user_id,
            description=wanted.description,
            monthly_task_limit=wanted.monthly_task_limit,
        )
        return _element(await _find(tx, caller, workspace_id))


async def list_members(hub: Hub, caller: Caller, workspace_id: str, asked: AskedPage) -> WorkspaceMembers:
    """Return one page of those in a workspace. Raises Forbidden, NotFound."""
    caller.require(Right.SEE_PEOPLE)
    async with hub.database.reading(caller.organization_id) as tx:
        await _find(tx, caller, workspace_id)
        cut = await store.list_members(tx, caller.organization_id, workspace_id, asked)
    return WorkspaceMembers(elements=[_member_element(row) for row in cut.rows], page_info=page_info(cut))


async def read_member(hub: Hub, caller: Caller, workspace_id: str, user_id: str) -> WorkspaceMember:
    """Return somebody in a workspace. Raises Forbidden, NotFound."""
    caller.require(Right.SEE_PEOPLE)
    async with hub.database.reading(caller.organization_id) as tx:
        await _find(tx, caller, workspace_id)
        member = await store.find_member(tx, caller.organization_id, workspace_id, user_id)
    if member is None:
        raise _not_in_it()
    return _member_element(member)


async def add_member(hub: Hub, caller: Caller, workspace_id: str, wanted: NewMember) -> None:
    """Take somebody of the organization into a workspace. Raises Forbidden, NotFound, InvalidInput, Conflict."""
    role = roles.workspace_role(wanted.role_id)
    async with hub.database.transaction(caller.organization_id) as tx:
        await _find_to_change(tx, caller, workspace_id)
        await members.find_account(tx, caller.organization_id, wanted.user_id)
        await take_in(hub, tx, caller, workspace_id, user_id=wanted.user_id, role=role)


async def take_in(hub: Hub, tx: Transaction, caller: Caller, workspace_id: str, *, user_id: str, role: Role) -> None:
    """Add somebody who is known to be of the caller's organization. Raises Forbidden, NotFound, Conflict."""
    await _find_to_change(tx, caller, workspace_id)
    if not await store.insert_member(
        tx,
        organization_id=caller.organization_id,
        workspace_id=workspace_id,
        user_id=user_id,
        role=role,
        created_at=hub.clock(),
    ):
        raise Conflict("They are in this workspace already; change their role instead")
    tx.changed(caller.organization_id, Kind.USER, user_id)


async def change_member(hub: Hub, caller: Caller, workspace_id: str, user_id: str, role_id: str) -> None:
    """Give somebody in a workspace another role there. Raises Forbidden, NotFound, InvalidInput."""
    role = roles.workspace_role(role_id)
    async with hub.database.transaction(caller.organization_id) as tx:
        await _find_to_change(tx, caller, workspace_id)
        if not await store.set_member_role(tx, caller.organization_id, workspace_id, user_id, role):
            raise _not_in_it()
        tx.changed(caller.organization_id, Kind.USER, user_id)


async def remove_member(hub: Hub, caller: Caller, workspace_id: str, user_id: str) -> None:
    """Take somebody out of a workspace. Raises Forbidden, NotFound."""
    async with hub.database.transaction(caller.organization_id) as tx:
        await _find_to_change(tx, caller, workspace_id)
        if not await store.delete_member(tx, caller.organization_id, workspace_id, user_id):
            raise _not_in_it()
        tx.changed(caller.organization_id, Kind.USER, user_id)


async def find_emails(tx: Transaction, caller: Caller, workspace_ids: list[str]) -> dict[str, list[str]]:
    """Return `{workspace id: e-mails of those in it}` of the workspaces the caller may see."""
    emails: dict[str, list[str]] = {}
    seen_by = _seen_by(caller)
    for workspace_id in workspace_ids:
        if await store.find_workspace(tx, caller.organization_id, seen_by, workspace_id):
            emails[workspace_id] = []
    for row in await store.list_member_emails(tx, caller.organization_id, list(emails)):
        emails[row["workspace_id"]].append(row["email"])
    return emails


async def may_enter(tx: Transaction, caller: Caller, workspace_id: str) -> bool:
    """Tell whether calls of this caller may use what is kept for a workspace.

    They may see it, or are in it; what belongs to everybody in the organization is not for its end users.
    """
    workspace = await store.find_workspace(tx, caller.organization_id, _seen_by(caller), workspace_id)
    if workspace is None:
        return False
    return caller.kind is not CallerKind.END_USER or workspace["type"] != WorkspaceType.ORGANIZATION


async def _find(tx: Transaction, caller: Caller, workspace_id: str) -> Mapping[Any, Any]:
    workspace = await store.find_workspace(tx, caller.organization_id, _seen_by(caller), workspace_id)
    if workspace is None:
        raise NotFound("There is no workspace with this id")
    return workspace


async def _find_to_change(tx: Transaction, caller: Caller, workspace_id: str) -> None:
    """Make sure that the caller may change who is in a workspace. Raises Forbidden, NotFound, Conflict."""
    caller.require(Right.SEE_PEOPLE)
    if (await _find(tx, caller, workspace_id))["type"] in _ONES_OWN:
        raise Conflict("A personal workspace is one person's own")
    if caller.may(Right.MANAGE_PEOPLE):
        return
    own = await store.find_member(tx, caller.organization_id, workspace_id, caller.user_id or "")
    if own is None or own["workspace_role"] != Role.ADMIN:
        raise Forbidden("Only administrators may change who is in a workspace")


def _seen_by(caller: Caller) -> str | None:
    return None if caller.may(Right.MANAGE_PEOPLE) else caller.user_id


def _not_in_it() -> NotFound:
    return NotFound("There is nobody with this id in the workspace")


def _element(workspace: Mapping[Any, Any]) -> WorkspaceElement:
    return WorkspaceElement(
        id=workspace["id"],
        name=workspace["name"],
        type=WorkspaceType(workspace["type"]),
        description=workspace["description"],
        monthly_task_limit=workspace["monthly_task_limit"],
    )


def _member_element(member: Mapping[Any, Any]) -> WorkspaceMember:
    return WorkspaceMember(
        id=member["id"],
        name=member["name"],
        email=member["email"],
        role=roles.workspace_role_element(Role(member["workspace_role"])),
    )
