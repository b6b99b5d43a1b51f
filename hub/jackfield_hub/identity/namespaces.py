"""Namespaces: at most one for an organization, and then its connectors' names begin with it."""

from __future__ import annotations

from jackfield_hub.errors import Conflict, InvalidInput, NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity import store
from jackfield_hub.identity.shapes import Caller, Namespace, Right


async def read_namespace(hub: Hub, caller: Caller, organization_id: str) -> Namespace:
    """Return the namespace of the caller's organization. Raises Forbidden, NotFound."""
    caller.require(Right.SEE_PEOPLE)
    _require_own(caller, organization_id)
    async with hub.database.reading(caller.organization_id) as tx:
        name = await store.read_namespace(tx, organization_id)
    if name is None:
        raise NotFound("This organization has no namespace yet")
    return Namespace(namespace=name)


async def create_namespace(hub: Hub, caller: Caller, organization_id: str, wanted: Namespace) -> Namespace:
    """Give the caller's organization its namespace, for good. Saying the same again changes nothing.

    Raises Forbidden, NotFound, and Conflict when it has another one, or when this one is another organization's.
    """
    caller.require(Right.MANAGE_NAMESPACE)
    _require_own(caller, organization_id)
    async with hub.database.transaction(caller.organization_id) as tx:
        await store.insert_namespace(tx, organization_id, wanted.namespace)
        name = await store.read_namespace(tx, organization_id)
    if name is None:
        raise Conflict("Another organization has this namespace; choose another one")
    if name != wanted.namespace:
        raise Conflict(f"This organization has the namespace {name} already, and keeps it")
    return wanted


async def check_name(hub: Hub, organization_id: str, connector_name: str) -> None:
    """Raise InvalidInput, which says how the name must begin, when a connector may not be called this."""
    async with hub.database.reading(organization_id) as tx:
        name = await store.read_namespace(tx, organization_id)
    if name is not None and not connector_name.startswith(f"{name}-"):
        raise InvalidInput(
            f"The connectors of this organization begin with {name}- (its namespace). "
            f"Call this one {name}-{connector_name:.100}"
        )


def _require_own(caller: Caller, organization_id: str) -> None:
    if organization_id != caller.organization_id:
        raise NotFound("There is no such organization")
