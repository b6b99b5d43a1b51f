"""Services: registered by the first deployment that names them, and not changed by any later one."""

from __future__ import annotations

import uuid

from jackfield.auth import sign_in_to_json
from jackfield.manifest import Manifest
from jackfield_hub.database import Transaction
from jackfield_hub.errors import NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller
from jackfield_hub.services import store
from jackfield_hub.services.shapes import EnvironmentElement, Environments, Service, ServiceEnvironment

DEFAULT_ENVIRONMENT = "Production"


async def ensure_service(tx: Transaction, organization_id: str, manifest: Manifest, now: float) -> str:
    """Return the id of the organization's service the manifest names; register it when there is none.

    A service that is there stays as it is. Its hosts and its way to sign in are what stored credentials were given
    for: were a deployment to change them, a new version could send the credentials elsewhere.
    """
    service = manifest.metadata.service
    service_id = str(uuid.uuid4())
    is_new = await store.insert_service_if_absent(
        tx,
        id=service_id,
        organization_id=organization_id,
        name=service.name,
        version=service.version,
        title=manifest.metadata.title,
        base_url=manifest.base_url,
        hosts=list(manifest.hosts),
        sign_in=sign_in_to_json(manifest.sign_in),
        user_data_schema=manifest.user_data_schema,
        created_at=now,
    )
    if is_new:
        await _add_default_environment(tx, organization_id, service_id, manifest, now)
        return service_id
    known_id = await store.find_service_id(tx, organization_id, service.name, service.version)
    assert known_id is not None, "the row that was in our way is there"
    return known_id


async def _add_default_environment(
    tx: Transaction, organization_id: str, service_id: str, manifest: Manifest, now: float
) -> None:
    await store.insert_environment(
        tx,
        id=str(uuid.uuid4()),
        organization_id=organization_id,
        service_id=service_id,
        title=DEFAULT_ENVIRONMENT,
        authentication_type=manifest.sign_in.authentication_type,
        user_data_schema=manifest.user_data_schema,
        credentials_schema=manifest.sign_in.credentials_schema(),
        scopes=[],
        created_at=now,
    )


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
        raise NotFound(f"The service environment {environment_id} was not found")
    return environment


async def list_environments(hub: Hub, caller: Caller, name: str, version: int) -> Environments:
    """Return the environments of a service the caller's organization has. Raises NotFound."""
    async with hub.database.reading() as tx:
        service_id = await store.find_service_id(tx, caller.organization_id, name, version)
        if service_id is None:
            raise NotFound(f"The service {name} version {version} was not found")
        environments = await store.list_environments(tx, caller.organization_id, service_id)
    return Environments(elements=[_to_element(environment) for environment in environments])


def _to_element(environment: ServiceEnvironment) -> EnvironmentElement:
    return EnvironmentElement(
        id=environment.environment_id,
        title=environment.title,
        authentication_type=environment.authentication_type,
        user_data_schema=environment.user_data_schema,
        credentials_schema=environment.credentials_schema,
        scopes=list(environment.scopes),
    )
