"""Workspaces, here and to clients."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from jackfield_hub.identity.shapes import RoleElement
from jackfield_hub.paging import PageInfo

WorkspaceName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class WorkspaceType(StrEnum):
    """What a workspace is for."""

    EMBEDDED = "Embedded"  #: what the organization offers its end users
    ORGANIZATION = "Organization"  #: what belongs to everybody in the organization
    PERSONAL = "Personal"  #: one member's own
    PERSONAL_EXTERNAL = "PersonalExternal"  #: one end user's own
    SHARED = "Shared"  #: what some members and programs work on together


class WorkspaceElement(BaseModel):
    """A workspace. What nobody has said of it is not there."""

    id: str
    name: str
    type: WorkspaceType
    description: str | None = None
    monthly_task_limit: int | None = Field(default=None, serialization_alias="monthlyTaskLimit")


class Workspaces(BaseModel):
    """One page of workspaces."""

    elements: list[WorkspaceElement]
    page_info: PageInfo = Field(serialization_alias="pageInfo")


class NewWorkspace(BaseModel):
    """A workspace to share with others."""

    name: WorkspaceName
    description: str | None = Field(default=None, max_length=2000)
    monthly_task_limit: int | None = Field(default=None, alias="monthlyTaskLimit", ge=0, le=2**31 - 1)


class WorkspaceMember(BaseModel):
    """Somebody in a workspace, and the role there."""

    id: str
    name: str
    email: str | None
    role: RoleElement


class WorkspaceMembers(BaseModel):
    """One page of those in a workspace."""

    elements: list[WorkspaceMember]
    page_info: PageInfo = Field(serialization_alias="pageInfo")


class NewMember(BaseModel):
    """Somebody to take into a workspace."""

    user_id: str = Field(alias="userId")
    role_id: str = Field(alias="roleId")
