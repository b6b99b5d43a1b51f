"""Environments of a service: stored with their secrets sealed, and answered without them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jackfield.auth import AuthenticationType
from jackfield.exchange import JsonObject
from jackfield_hub.auths.sealing import newest_data_key, open_json, seal_json
from jackfield_hub.auths.vault import Vault
from jackfield_hub.database import Transaction
from jackfield_hub.errors import InvalidInput
from jackfield_hub.hub import Hub
from jackfield_hub.services import store
from jackfield_hub.services.effective import SECRETS, environment_values
from jackfield_hub.services.shapes import (
    EnvironmentAnswer,
    EnvironmentElement,
    PropertyScope,
    Service,
    ServiceEnvironment,
    WantedEnvironment,
)

DEFAULT_ENVIRONMENT = "Production"


async def add_default(tx: Transaction, organization_id: str, service: Service, now: float) -> None:
    """Give a service its first environment, which is as the service is."""
    draft = _draft(organization_id, service, WantedEnvironment(title=DEFAULT_ENVIRONMENT))
    await _insert(tx, service, draft, {}, now)


async def add(hub: Hub, tx: Transaction, organization_id: str, service: Service, wanted: WantedEnvironment) -> str:
    """Store a new environment and return its id. Raises InvalidInput."""
    draft = _draft(organization_id, service, wanted)
    await _insert(tx, service, draft, await _sealed(hub, tx, service, draft, wanted), hub.clock())
    return draft.environment_id


async def change(
    hub: Hub, tx: Transaction, service: Service, known: ServiceEnvironment, wanted: WantedEnvironment
) -> None:
    """Store an environment as it shall be; secrets that are left out stay. Raises InvalidInput."""
    draft = replace(
        _draft(known.organization_id, service, wanted), environment_id=known.environment_id, secrets=known.secrets
    )
    sealed = await _sealed(hub, tx, service, draft, wanted)
    values = {**_columns(draft), **environment_values(service, draft), **sealed}
    await store.update_environment(tx, known.environment_id, **values, updated_at=hub.clock())


async def follow(tx: Transaction, organization_id: str, service: Service, now: float) -> None:
    """Write down anew what a service's environments ask for, since the service has changed."""
    for environment in await store.list_environments(tx, organization_id, service.service_id):
        values = environment_values(service, environment)
        await store.update_environment(tx, environment.environment_id, **values, updated_at=now)


def to_element(service: Service, environment: ServiceEnvironment) -> EnvironmentElement:
    """Return an environment as whoever makes an auth for it sees it."""
    return EnvironmentElement(
        id=environment.environment_id,
        title=environment.title,
        authentication_type=environment.authentication_type,
        user_data_schema=environment.user_data_schema,
        credentials_schema=environment.credentials_schema,
        scopes=list(environment.scopes or service.scopes),
    )


def to_answer(vault: Vault, environment: ServiceEnvironment) -> EnvironmentAnswer:
    """Return an environment as whoever set it up sees it: of its secrets only that they are there."""
    secrets = _open(vault, environment)
    masked: dict[str, str | None] = dict.fromkeys(secrets.get("properties", {}))
    return EnvironmentAnswer(
        id=environment.environment_id,
        title=environment.title,
        client_id=environment.client_id,
        has_client_secret=bool(secrets.get("clientSecret")),
        base_url=environment.base_url,
        hosts=list(environment.hosts),
        sign_in=environment.sign_in_settings,
        scopes=list(environment.scopes),
        properties={**environment.properties, **masked},
    )


def _draft(organization_id: str, service: Service, wanted: WantedEnvironment) -> ServiceEnvironment:
    masked = _masked(service)
    unknown = wanted.properties.keys() - {one.key for one in _app_properties(service)}
    if unknown:
        raise InvalidInput(f"Invalid value for: body (no property {min(unknown)!r} with the scope app at 'properties')")
    return ServiceEnvironment(
        environment_id=str(uuid.uuid4()),
        organization_id=organization_id,
        service_id=service.service_id,
        title=wanted.title,
        authentication_type=AuthenticationType(service.sign_in.authentication_type),
        user_data_schema={},
        credentials_schema={},
        scopes=tuple(scope.model_dump() for scope in wanted.scopes or ()),
        base_url=wanted.base_url,
        hosts=tuple(wanted.hosts),
        sign_in_settings=wanted.sign_in,
        client_id=wanted.client_id,
        properties={name: text for name, text in wanted.properties.items() if name not in masked},
    )


async def _insert(
    tx: Transaction, service: Service, draft: ServiceEnvironment, sealed: Mapping[str, Any], now: float
) -> None:
    await store.insert_environment(
        tx,
        id=draft.environment_id,
        organization_id=draft.organization_id,
        service_id=draft.service_id,
        created_at=now,
        updated_at=now,
        **_columns(draft),
        **environment_values(service, draft),
        **sealed,
    )


def _columns(environment: ServiceEnvironment) -> dict[str, Any]:
    return {
        "title": environment.title,
        "scopes": list(environment.scopes),
        "hosts": list(environment.hosts),
        "settings": {
            "baseUrl": environment.base_url,
            "signIn": environment.sign_in_settings,
            "clientId": environment.client_id,
            "properties": dict(environment.properties),
        },
    }


async def _sealed(
    hub: Hub, tx: Transaction, service: Service, draft: ServiceEnvironment, wanted: WantedEnvironment
) -> dict[str, Any]:
    """Return the columns of the secrets: the ones that are there, and those that come now."""
    masked, known = _masked(service), _open(hub.vault, draft)
    secrets: JsonObject = {
        "clientSecret": known.get("clientSecret", ""),
        "properties": {name: text for name, text in known.get("properties", {}).items() if name in masked},
    }
    if wanted.client_secret is not None:
        secrets["clientSecret"] = wanted.client_secret.get_secret_value()
    secrets["properties"] |= {name: text for name, text in wanted.properties.items() if name in masked}
    if not secrets["clientSecret"] and not secrets["properties"]:
        return {"secrets": None, "key_id": None}
    key = await newest_data_key(hub.vault, tx, draft.organization_id, hub.clock())
    return {"secrets": seal_json(hub.vault, key, draft.environment_id, SECRETS, secrets), "key_id": key.key_id}


def _open(vault: Vault, environment: ServiceEnvironment) -> JsonObject:
    if environment.secrets is None:
        return {}
    sealed = environment.secrets
    return open_json(vault, sealed.key, environment.environment_id, SECRETS, sealed.content)


def _app_properties(service: Service) -> list[Any]:
    return [one for one in service.properties if one.scope is PropertyScope.APP]


def _masked(service: Service) -> set[str]:
    return {one.key for one in _app_properties(service) if one.masked}
