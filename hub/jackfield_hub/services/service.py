"""Services: what people and other rooms do with them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from jackfield.auth import SignIn, sign_in_from_json, sign_in_to_json
from jackfield.exchange import JsonObject
from jackfield.manifest import ServiceRef
from jackfield_hub.audit import service as audit
from jackfield_hub.audit.service import Action
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import Transaction
from jackfield_hub.errors import Conflict, InvalidInput, NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller, Right
from jackfield_hub.services import environments, store
from jackfield_hub.services.effective import check_service_addresses, schemas
from jackfield_hub.services.environments import DEFAULT_ENVIRONMENT
from jackfield_hub.services.finding import find_environment
from jackfield_hub.services.rows import new_service_row, service_columns
from jackfield_hub.services.shapes import (
    ChangedService,
    EnvironmentAnswer,
    Environments,
    NewService,
    Service,
    ServiceAnswer,
    ServiceEnvironment,
    Services,
    ServiceSummary,
    WantedEnvironment,
)


class ServiceInUse(Conflict):
    """Credentials are stored for this service and would not fit any more, or connectors need it."""

    code = "service_in_use"


async def create_service(hub: Hub, caller: Caller, wanted: NewService) -> ServiceAnswer:
    """Register a service. Raises Forbidden, InvalidInput, Conflict when there is one of this name and version."""
    caller.require(Right.DEPLOY)
    now = hub.clock()
    ref = ServiceRef(wanted.name, wanted.version)
    service = _read(str(uuid.uuid4()), ref, wanted)
    asked = list(wanted.environments)
    if not any(one.title == DEFAULT_ENVIRONMENT for one in asked):
        asked.insert(0, WantedEnvironment(title=DEFAULT_ENVIRONMENT))
    async with hub.database.transaction(caller.organization_id) as tx:
        if not await store.insert_service_if_absent(tx, **new_service_row(caller.organization_id, service, now)):
            raise Conflict(f"There is a service {wanted.name} version {wanted.version} already; change that one")
        for one in asked:
            await environments.add(hub, tx, caller.organization_id, service, one)
        await audit.record(tx, caller.organization_id, Action.SERVICE_CREATED, service.service_id, now, caller=caller)
    return await read_service(hub, caller, ref)


async def change_service(hub: Hub, caller: Caller, ref: ServiceRef, wanted: ChangedService) -> ServiceAnswer:
    """Change a service. Raises NotFound, Forbidden, InvalidInput, or ServiceInUse: stored credentials would not fit."""
    caller.require(Right.DEPLOY)
    now = hub.clock()
    async with hub.database.transaction(caller.organization_id) as tx:
        known = await _find(tx, caller, ref)
        service = _read(known.service_id, ref, wanted)
        is_other = service.sign_in.kind != known.sign_in.kind
        if await _holds_credentials(tx, caller, known.service_id) and is_other:
            raise ServiceInUse(
                f"{ref.name} version {ref.version} has authentications that sign in with {known.sign_in.kind}. "
                "Remove them, or make another version of the service."
            )
        await store.update_service(tx, known.service_id, **service_columns(service), updated_at=now)
        await environments.follow(tx, caller.organization_id, service, now)
        await audit.record(tx, caller.organization_id, Action.SERVICE_CHANGED, known.service_id, now, caller=caller)
        tx.changed(caller.organization_id, Kind.SERVICES)
    return await read_service(hub, caller, ref)


async def delete_service(hub: Hub, caller: Caller, ref: ServiceRef) -> None:
    """Forget a service and its environments. Raises NotFound, Forbidden, or ServiceInUse while something needs it."""
    caller.require(Right.DEPLOY)
    organization_id, now = caller.organization_id, hub.clock()
    async with hub.database.transaction(organization_id) as tx:
        known = await _find(tx, caller, ref)
        if await store.has_auths(tx, organization_id, known.service_id):
            raise ServiceInUse(f"{ref.name} version {ref.version} has authentications; remove them first")
        users = await store.list_connectors(tx, organization_id, known.service_id)
        if users:
            raise ServiceInUse(f"{ref.name} version {ref.version} is what {', '.join(users)} connects to")
        await store.delete_service(tx, known.service_id)
        await audit.record(tx, organization_id, Action.SERVICE_DELETED, known.service_id, now, caller=caller)
        tx.changed(organization_id, Kind.SERVICES)


async def list_services(hub: Hub, caller: Caller) -> Services:
    """Return the services of the caller's organization. Raises Forbidden."""
    caller.require(Right.DEPLOY)
    async with hub.database.reading(caller.organization_id) as tx:
        found = await store.list_services(tx, caller.organization_id)
    return Services(elements=[ServiceSummary(**_summary(service)) for service in found])


async def read_service(hub: Hub, caller: Caller, ref: ServiceRef) -> ServiceAnswer:
    """Return a service with its environments, without their secrets. Raises NotFound, Forbidden."""
    caller.require(Right.DEPLOY)
    async with hub.database.reading(caller.organization_id) as tx:
        service = await _find(tx, caller, ref)
        found = await store.list_environments(tx, caller.organization_id, service.service_id)
    return ServiceAnswer(
        **_summary(service),
        base_url=service.base_url,
        hosts=list(service.hosts),
        sign_in=sign_in_to_json(service.sign_in),
        properties=list(service.properties),
        scopes=list(service.scopes),
        environments=[environments.to_answer(hub.vault, environment) for environment in found],
    )


async def create_environment(hub: Hub, caller: Caller, ref: ServiceRef, wanted: WantedEnvironment) -> EnvironmentAnswer:
    """Add an environment to a service, for example with an OAuth app of one's own. Raises NotFound, InvalidInput."""
    caller.require(Right.DEPLOY)
    now = hub.clock()
    async with hub.database.transaction(caller.organization_id) as tx:
        service = await _find(tx, caller, ref)
        added = await environments.add(hub, tx, caller.organization_id, service, wanted)
        await store.update_service(tx, service.service_id, is_set_up=True)
        tx.changed(caller.organization_id, Kind.SERVICES)
        await audit.record(tx, caller.organization_id, Action.ENVIRONMENT_CREATED, added, now, caller=caller)
        environment = await find_environment(tx, caller.organization_id, added)
    return environments.to_answer(hub.vault, environment)


async def change_environment(
    hub: Hub, caller: Caller, ref: ServiceRef, environment_id: str, wanted: WantedEnvironment
) -> EnvironmentAnswer:
    """Change an environment. Secrets that are left out stay. Raises NotFound, InvalidInput."""
    caller.require(Right.DEPLOY)
    organization_id, now = caller.organization_id, hub.clock()
    async with hub.database.transaction(caller.organization_id) as tx:
        service = await _find(tx, caller, ref)
        known = await find_environment(tx, organization_id, environment_id)
        if known.service_id != service.service_id:
            raise NotFound(f"The service environment {environment_id:.50} was not found")
        await _holds_credentials(tx, caller, service.service_id)
        await environments.change(hub, tx, service, known, wanted)
        await store.update_service(tx, service.service_id, is_set_up=True)
        await audit.record(tx, organization_id, Action.ENVIRONMENT_CHANGED, environment_id, now, caller=caller)
        environment = await find_environment(tx, organization_id, environment_id)
        tx.changed(organization_id, Kind.SERVICES)
    return environments.to_answer(hub.vault, environment)


async def _holds_credentials(tx: Transaction, caller: Caller, service_id: str) -> bool:
    """Tell whether auths exist for a service. Raises Forbidden when some do and the caller may not move them.

    Credentials go where the service says. Who deploys connectors cannot also decide where other people's tokens go.
    """
    if not await store.has_auths(tx, caller.organization_id, service_id):
        return False
    caller.require(Right.MOVE_CREDENTIALS)
    return True


async def list_environments(hub: Hub, caller: Caller, ref: ServiceRef) -> Environments:
    """Return the environments of a service the caller's organization has. Raises NotFound."""
    async with hub.database.reading(caller.organization_id) as tx:
        service = await _find(tx, caller, ref)
        found = await store.list_environments(tx, caller.organization_id, service.service_id)
    return Environments(elements=[environments.to_element(service, environment) for environment in found])


async def list_choices(tx: Transaction, organization_id: str) -> list[tuple[Service, ServiceEnvironment]]:
    """Return every service of an organization with each of its environments, by title."""
    found = await store.list_services(tx, organization_id)
    return [
        (service, environment)
        for service in sorted(found, key=lambda one: (one.title.lower(), one.name, one.version))
        for environment in await store.list_environments(tx, organization_id, service.service_id)
    ]


async def _find(tx: Transaction, caller: Caller, ref: ServiceRef) -> Service:
    service = await store.find_service_called(tx, caller.organization_id, ref.name, ref.version)
    if service is None:
        raise NotFound(f"The service {ref.name:.100} version {ref.version} was not found")
    return service


def _read(service_id: str, ref: ServiceRef, wanted: ChangedService) -> Service:
    service = Service(
        service_id=service_id,
        name=ref.name,
        version=ref.version,
        title=wanted.title,
        base_url=wanted.base_url,
        hosts=tuple(wanted.hosts),
        sign_in=_read_sign_in(wanted.sign_in),
        user_data_schema={},
        properties=tuple(wanted.properties),
        scopes=tuple(scope.model_dump() for scope in wanted.scopes),
        is_set_up=True,
    )
    if len({one.key for one in service.properties}) != len(service.properties):
        raise InvalidInput("Invalid value for: body (two properties have the same key at 'properties')")
    check_service_addresses(service)
    return replace(service, user_data_schema=schemas(service)[0])


def _read_sign_in(data: JsonObject) -> SignIn:
    try:
        return sign_in_from_json(data)
    except ValueError as mistake:
        raise InvalidInput(f"Invalid value for: body ({mistake} at 'signIn')") from None


def _summary(service: Service) -> dict[str, Any]:
    return {
        "id": service.service_id,
        "name": service.name,
        "version": service.version,
        "title": service.title,
        "authentication_type": service.sign_in.authentication_type,
    }
