"""Services and environments, found by their ids."""

from __future__ import annotations

from jackfield_hub.database import Transaction
from jackfield_hub.errors import NotFound
from jackfield_hub.services import store
from jackfield_hub.services.shapes import Service, ServiceEnvironment


async def find_service(tx: Transaction, organization_id: str, service_id: str) -> Service:
    """Return a service of this organization. Raises NotFound."""
    service = await store.find_service(tx, organization_id, service_id)
    if service is None:
        raise NotFound("The service was not found")
    return service


async def find_environment(tx: Transaction, organization_id: str, environment_id: str) -> ServiceEnvironment:
    """Return a service environment of this organization. Raises NotFound."""
    environment = await store.find_environment(tx, organization_id, environment_id)
    if environment is None:
        raise NotFound(f"The service environment {environment_id:.50} was not found")
    return environment
