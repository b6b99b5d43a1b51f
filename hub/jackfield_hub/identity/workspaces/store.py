"""Workspaces and their members in the database: one statement a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, insert, or_, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.identity.shapes import Role
from jackfield_hub.identity.workspaces.shapes import WorkspaceType
from jackfield_hub.paging import AskedPage, Cut, cut_page
from jackfield_hub.tables import users, workspace_members, workspaces

_OPEN_TO_ALL = (WorkspaceType.ORGANIZATION, WorkspaceType.EMBEDDED)


async def insert_workspace(tx: Transaction, **values: Any) -> None:
    await tx.execute(insert(workspaces).values(**values))


async def list_workspaces(
    tx: Transaction, organization_id: str, seen_by: str | None, kind: WorkspaceType | None, asked: AskedPage
) -> Cut:
    """Return one page of the workspaces: all of them, or with `seen_by` those this user may see."""
    found = select(workspaces).where(_is_seen(organization_id, seen_by))
    return await cut_page(tx, found if kind is None else found.where(workspaces.c.type == kind), workspaces, asked)


async def find_workspace(
    tx: Transaction, organization_id: str, seen_by: str | None, workspace_id: str
) -> RowMapping | None:
    """Return a workspace of this organization, if this user may see it (None: somebody who sees all)."""
    return await tx.one_or_none(
        select(workspaces).where(_is_seen(organization_id, seen_by), workspaces.c.id == workspace_id)
    )


async def insert_member(tx: Transaction, **values: Any) -> bool:
    """Take somebody in; return False when they are in already."""
    return await tx.insert_if_absent(workspace_members, values)


async def list_members(tx: Transaction, organization_id: str, workspace_id: str, asked: AskedPage) -> Cut:
    """Return one page of those in a workspace: id, name, email, created_at and `workspace_role`."""
    return await cut_page(tx, _members(organization_id, workspace_id), users, asked)


async def find_member(tx: Transaction, organization_id: str, workspace_id: str, user_id: str) -> RowMapping | None:
    """Return somebody in a workspace, as `list_members` does, or None."""
    return await tx.one_or_none(_members(organization_id, workspace_id).where(users.c.id == user_id))


async def set_member_role(tx: Transaction, organization_id: str, workspace_id: str, user_id: str, role: Role) -> bool:
    """Give somebody in a workspace another role; return False when they are not in it."""
    change = update(workspace_members).where(_is_membership(organization_id, workspace_id, user_id))
    return await tx.count_changed(change.values(role=role)) == 1


async def delete_member(tx: Transaction, organization_id: str, workspace_id: str, user_id: str) -> bool:
    """Take somebody out of a workspace; return False when they are not in it."""
    return (
        await tx.count_changed(delete(workspace_members).where(_is_membership(organization_id, workspace_id, user_id)))
        == 1
    )


async def list_member_emails(
    tx: Transaction, organization_id: str, workspace_ids: Sequence[str]
) -> Sequence[RowMapping]:
    """Return workspace_id and email of those who are in one of these workspaces and have an e-mail."""
    return await tx.rows(
        select(workspace_members.c.workspace_id, users.c.email)
        .join(users, users.c.id == workspace_members.c.user_id)
        .where(
            workspace_members.c.organization_id == organization_id,
            workspace_members.c.workspace_id.in_(workspace_ids),
            users.c.email.is_not(None),
            users.c.removed_at.is_(None),
        )
    )


def _members(organization_id: str, workspace_id: str) -> Any:
    return (
        select(
            users.c.id,
            users.c.name,
            users.c.email,
            users.c.created_at,
            workspace_members.c.role.label("workspace_role"),
        )
        .join(workspace_members, workspace_members.c.user_id == users.c.id)
        .where(
            workspace_members.c.organization_id == organization_id,
            workspace_members.c.workspace_id == workspace_id,
            users.c.removed_at.is_(None),
        )
    )


def _is_seen(organization_id: str, seen_by: str | None) -> ColumnElement[bool]:
    own = workspaces.c.organization_id == organization_id
    if seen_by is None:
        return own
    joined = select(workspace_members.c.workspace_id).where(
        workspace_members.c.organization_id == organization_id, workspace_members.c.user_id == seen_by
    )
    return and_(own, or_(workspaces.c.type.in_(_OPEN_TO_ALL), workspaces.c.id.in_(joined)))


def _is_membership(organization_id: str, workspace_id: str, user_id: str) -> ColumnElement[bool]:
    return and_(
        workspace_members.c.organization_id == organization_id,
        workspace_members.c.workspace_id == workspace_id,
        workspace_members.c.user_id == user_id,
    )
