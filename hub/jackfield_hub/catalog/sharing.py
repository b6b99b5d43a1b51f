"""Sharing: a connector is private to the user who deployed it, until that user shares it with others.

Only the owner shares: not even who speaks for the organization. (They may deploy the connector again, and then it is
theirs.) To everybody else the connector is not there.
"""

from __future__ import annotations

from collections.abc import Iterable

from jackfield_hub.audit import service as audit
from jackfield_hub.audit.service import Action
from jackfield_hub.catalog import service, store
from jackfield_hub.catalog.shapes import Permissions, Shared, SharedWithWorkspaces, SharingWarnings
from jackfield_hub.database import Transaction
from jackfield_hub.errors import NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity import members
from jackfield_hub.identity.shapes import Caller, Right
from jackfield_hub.identity.workspaces import service as workspaces


class NotShareable(NotFound):
    """There is no such connector, or it is somebody else's."""

    def __init__(self, name: str, version: str) -> None:
        # Clients of the public API know these words, the name of a type in them included.
        connector = f"{name:.100}~{version:.20}"
        super().__init__(f"The connector (Left({connector})) was not found or you don't have permission to access it")


async def share_with_emails(hub: Hub, caller: Caller, name: str, version: str, emails: list[str]) -> Shared:
    """Let those of the organization who have exactly these e-mails see and call a connector version.

    Raises Forbidden for who may not deploy, NotShareable. To share again is no mistake; e-mails nobody has are named in
    the message.
    """
    version = two_segments(version)
    async with hub.database.transaction(caller.organization_id) as tx:
        await _check_is_own(tx, caller, name, version)
        known = await members.find_ids_by_email(tx, caller.organization_id, emails)
        added = await _add(hub, tx, caller, name, version, user_ids=known.values())
    unknown = [email for email in dict.fromkeys(emails) if email not in known]
    return Shared(message=_added(added) + (f". Nobody here has the e-mail {', '.join(unknown)}" if unknown else ""))


async def share_with_workspaces(
    hub: Hub, caller: Caller, name: str, version: str, workspace_ids: list[str]
) -> SharedWithWorkspaces:
    """Let those who are in these workspaces, and have an e-mail, see and call a connector version.

    Raises Forbidden for who may not deploy, NotShareable. Workspaces that have nobody to share with are warned of, and
    so are those the caller cannot see.
    """
    version = two_segments(version)
    async with hub.database.transaction(caller.organization_id) as tx:
        await _check_is_own(tx, caller, name, version)
        emails = await workspaces.find_emails(tx, caller, workspace_ids)
        everybody = [email for in_one in emails.values() for email in in_one]
        known = await members.find_ids_by_email(tx, caller.organization_id, everybody)
        added = await _add(hub, tx, caller, name, version, user_ids=known.values())
    empty = [f"No permissions to add for workspace: {one:.100}" for one in workspace_ids if not emails.get(one)]
    return SharedWithWorkspaces(success=Shared(message=_added(added)), warnings=SharingWarnings(empty_workspaces=empty))


async def list_permissions(hub: Hub, caller: Caller, name: str, version: str) -> Permissions:
    """Return with whom the caller's connector version is shared. Raises Forbidden, NotShareable."""
    version = two_segments(version)
    async with hub.database.reading(caller.organization_id) as tx:
        await _check_is_own(tx, caller, name, version)
        rows = await store.list_permissions(tx, caller.organization_id, name, version)
    return Permissions(emails=[row["email"] for row in rows])


async def stop_sharing(hub: Hub, caller: Caller, name: str, version: str, email: str) -> None:
    """Let somebody see the caller's connector version no more, at once. Raises Forbidden, NotShareable, NotFound."""
    organization_id, version = caller.organization_id, two_segments(version)
    async with hub.database.transaction(caller.organization_id) as tx:
        await _check_is_own(tx, caller, name, version)
        known = await members.find_ids_by_email(tx, organization_id, [email])
        was_shared = email in known and await store.delete_permission(
            tx, organization_id, name, version, user_id=known[email]
        )
        if not was_shared:
            raise NotFound("The connector is not shared with anybody of this e-mail")
        await service.changed(tx, organization_id)


def two_segments(version: str) -> str:
    """Return the version as connectors have it: clients may send `1.0.3` for `1.0`."""
    return ".".join(version.split(".")[:2])


async def _check_is_own(tx: Transaction, caller: Caller, name: str, version: str) -> None:
    caller.require(Right.DEPLOY)
    owners = await store.list_owners(tx, caller.organization_id, name)
    is_own = version in owners and (
        owners[version] == caller.user_id or (owners[version] is None and caller.may(Right.SPEAK_FOR_ALL))
    )
    if not is_own:
        raise NotShareable(name, version)


async def _add(hub: Hub, tx: Transaction, caller: Caller, name: str, version: str, *, user_ids: Iterable[str]) -> int:
    """Give these users the permission and return how many did not have it."""
    added = 0
    for user_id in user_ids:
        added += await store.insert_permission(
            tx,
            organization_id=caller.organization_id,
            connector_name=name,
            connector_version=version,
            user_id=user_id,
            created_at=hub.clock(),
        )
    if added:
        await service.changed(tx, caller.organization_id)
        shared = f"{name}~{version}"
        await audit.record(tx, caller.organization_id, Action.CONNECTOR_SHARED, shared, hub.clock(), caller=caller)
    return added


def _added(count: int) -> str:
    return f"{count} permissions added"
