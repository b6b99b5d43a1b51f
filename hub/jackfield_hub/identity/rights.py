"""Who may do what: the one table that every room asks. Whose *things* one may touch is each room's own rule.

                       master  Owner  Admin  Contributor  Viewer  end user
    CALL                 ●       ●      ●        ●          ·        ●
    STORE_AUTHS          ●       ●      ●        ●          ·        ●
    DEPLOY               ●       ●      ●        ●          ·        ·
    MOVE_CREDENTIALS     ●       ●      ●        ·          ·        ·
    SEE_CALLS            ●       ●      ●        ●          ●        ·
    SEE_PAYLOADS         ●       ●      ●        ·          ·        ·
    SEE_PEOPLE           ●       ●      ●        ●          ●        ·
    MANAGE_PEOPLE        ●       ●      ●        ·          ·        ·
    MANAGE_NAMESPACE     ●       ●      ●        ·          ·        ·
    SPEAK_FOR_ALL        ●       ●      ·        ·          ·        ·
    MANAGE_END_USERS     ●       ·      ·        ·          ·        ·

A program has the rights of its role in the organization, and those of its role in any workspace that is about making
things: that is how somebody is a Viewer in general and a Contributor at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jackfield_hub.identity.shapes import CallerKind, Right, Role

_VIEWER = frozenset({Right.SEE_PEOPLE, Right.SEE_CALLS})
_CONTRIBUTOR = _VIEWER | {Right.CALL, Right.STORE_AUTHS, Right.DEPLOY}
_ADMIN = _CONTRIBUTOR | {Right.SEE_PAYLOADS, Right.MOVE_CREDENTIALS, Right.MANAGE_PEOPLE, Right.MANAGE_NAMESPACE}
_OWNER = _ADMIN | {Right.SPEAK_FOR_ALL}
_MASTER = _OWNER | {Right.MANAGE_END_USERS}
_END_USER = frozenset({Right.CALL, Right.STORE_AUTHS})

RIGHTS_OF_ROLE: Mapping[Role, frozenset[Right]] = {
    Role.OWNER: _OWNER,
    Role.ADMIN: _ADMIN,
    Role.CONTRIBUTOR: _CONTRIBUTOR,
    Role.VIEWER: _VIEWER,
}
MAKERS = (Role.ADMIN, Role.CONTRIBUTOR)  #: roles in a workspace that let somebody make things


def rights_of(kind: CallerKind, role: Role | None, workspace_roles: Iterable[Role] = ()) -> frozenset[Right]:
    """Return what somebody may do who has this kind of token, this role in the organization, and these in workspaces.

    A workspace's Admin is an Admin there, not in the organization: here they count as Contributors.
    """
    if kind is CallerKind.MASTER:
        return _MASTER
    if kind is CallerKind.END_USER:
        return _END_USER
    rights = RIGHTS_OF_ROLE[role] if role is not None else frozenset[Right]()
    return rights | _CONTRIBUTOR if any(role in MAKERS for role in workspace_roles) else rights
