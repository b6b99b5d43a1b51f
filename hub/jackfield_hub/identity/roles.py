"""The roles there are, with the ids that clients name them by. They are the same on every hub, for ever."""

from __future__ import annotations

from jackfield_hub.errors import InvalidInput
from jackfield_hub.identity.shapes import Role, RoleElement

#: In the organization. There is one Owner, who is not made by giving somebody this role.
ORGANIZATION_ROLES = {
    "a3c90d49-2ac4-5a3b-9d0f-2f8a3a4b1c01": Role.OWNER,
    "a3c90d49-2ac4-5a3b-9d0f-2f8a3a4b1c02": Role.ADMIN,
    "a3c90d49-2ac4-5a3b-9d0f-2f8a3a4b1c03": Role.CONTRIBUTOR,
    "a3c90d49-2ac4-5a3b-9d0f-2f8a3a4b1c04": Role.VIEWER,
}
#: In one workspace.
WORKSPACE_ROLES = {
    "b7f1e25c-61d8-5e0a-8b3c-7d9e5f6a2c02": Role.ADMIN,
    "b7f1e25c-61d8-5e0a-8b3c-7d9e5f6a2c03": Role.CONTRIBUTOR,
    "b7f1e25c-61d8-5e0a-8b3c-7d9e5f6a2c04": Role.VIEWER,
}


def organization_role(role_id: str) -> Role:
    """Return the role of this id that somebody can be given. Raises InvalidInput."""
    role = ORGANIZATION_ROLES.get(role_id)
    if role is None:
        raise InvalidInput("There is no role with this id; GET /core/v1/roles lists them")
    if role is Role.OWNER:
        raise InvalidInput("An organization has one owner; give another role")
    return role


def workspace_role(role_id: str) -> Role:
    """Return the role in a workspace of this id. Raises InvalidInput."""
    role = WORKSPACE_ROLES.get(role_id)
    if role is None:
        raise InvalidInput("There is no such role in a workspace; GET /core/v1/workspaces/{id}/roles lists them")
    return role


def organization_role_element(role: Role) -> RoleElement:
    return _element(ORGANIZATION_ROLES, role)


def workspace_role_element(role: Role) -> RoleElement:
    return _element(WORKSPACE_ROLES, role)


def _element(roles: dict[str, Role], wanted: Role) -> RoleElement:
    return next(RoleElement(id=role_id, name=role) for role_id, role in roles.items() if role is wanted)


def list_organization_roles() -> list[RoleElement]:
    """Return the roles in the organization, the highest first."""
    return [RoleElement(id=role_id, name=role) for role_id, role in ORGANIZATION_ROLES.items()]


def list_workspace_roles() -> list[RoleElement]:
    """Return the roles in a workspace, the highest first."""
    return [RoleElement(id=role_id, name=role) for role_id, role in WORKSPACE_ROLES.items()]
