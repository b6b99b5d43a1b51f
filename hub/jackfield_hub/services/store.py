"""The statements about services and their environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, delete, select, update

from jackfield.auth import AuthenticationType, sign_in_from_json
from jackfield_hub.auths.vault import SealedKey
from jackfield_hub.database import Transaction
from jackfield_hub.services.shapes import CustomProperty, SealedSecrets, Service, ServiceEnvironment
from jackfield_hub.tables import (
    auths,
    connectors,
    data_keys,
    dialogs,
    oauth_states,
    service_environments,
    services,
)


async def insert_service_if_absent(tx: Transaction, **values: Any) -> bool:
    """Store a service. Return False when the organization has one of this name and version already."""
    return await tx.insert_if_absent(services, values)


async def update_service(tx: Transaction, service_id: str, **values: Any) -> None:
    """Change a service."""
    await tx.execute(update(services).where(services.c.id == service_id).values(**values))


async def insert_environment(tx: Transaction, **values: Any) -> None:
    """Store an environment of a service."""
    await tx.execute(service_environments.insert().values(**values))


async def update_environment(tx: Transaction, environment_id: str, **values: Any) -> None:
    """Change an environment."""
    await tx.execute(update(service_environments).where(service_environments.c.id == environment_id).values(**values))


async def find_service(tx: Transaction, organization_id: str, service_id: str) -> Service | None:
    """Return one service of this organization, or None."""
    row = await tx.one_or_none(
        select(services).where(services.c.organization_id == organization_id, services.c.id == service_id)
    )
    return None if row is None else _to_service(row)


async def find_service_called(tx: Transaction, organization_id: str, name: str, version: int) -> Service | None:
    """Return the organization's service of this name and version, or None."""
    row = await tx.one_or_none(
        select(services).where(
            services.c.organization_id == organization_id, services.c.name == name, services.c.version == version
        )
    )
    return None if row is None else _to_service(row)


async def list_services(tx: Transaction, organization_id: str) -> Sequence[Service]:
    """Return an organization's services by name and version."""
    rows = await tx.rows(
        select(services)
        .where(services.c.organization_id == organization_id)
        .order_by(services.c.name, services.c.version)
    )
    return [_to_service(row) for row in rows]


async def has_auths(tx: Transaction, organization_id: str, service_id: str) -> bool:
    """Whether anybody has stored an auth for this service."""
    found = await tx.scalar(
        select(auths.c.id)
        .join(service_environments, service_environments.c.id == auths.c.service_environment_id)
        # The organization of the few environments is asked for, not that of a million auths: it is the same.
        .where(service_environments.c.organization_id == organization_id)
        .where(service_environments.c.service_id == service_id)
        .limit(1)
    )
    return found is not None


async def list_connectors(tx: Transaction, organization_id: str, service_id: str) -> Sequence[str]:
    """Return the connectors that use this service: `["acme 1.0"]`."""
    rows = await tx.rows(
        select(connectors.c.name, connectors.c.version)
        .where(connectors.c.organization_id == organization_id, connectors.c.service_id == service_id)
        .order_by(connectors.c.name, connectors.c.version)
    )
    return [f"{row['name']} {row['version']}" for row in rows]


async def delete_service(tx: Transaction, service_id: str) -> None:
    """Remove a service that nothing uses, its environments, and the dialogs of those who were about to sign in."""
    own = select(service_environments.c.id).where(service_environments.c.service_id == service_id)
    begun = (dialogs.c.service_id == service_id) | dialogs.c.service_environment_id.in_(own)
    of_begun = oauth_states.c.dialog_id.in_(select(dialogs.c.id).where(begun))
    await tx.execute(delete(oauth_states).where(of_begun))
    await tx.execute(delete(dialogs).where(begun))
    await tx.execute(delete(service_environments).where(service_environments.c.service_id == service_id))
    await tx.execute(delete(services).where(services.c.id == service_id))


async def list_environments(tx: Transaction, organization_id: str, service_id: str) -> Sequence[ServiceEnvironment]:
    """Return the environments of a service, oldest first."""
    rows = await tx.rows(
        _environments(organization_id)
        .where(service_environments.c.service_id == service_id)
        .order_by(service_environments.c.created_at, service_environments.c.id)
    )
    return [_to_environment(row) for row in rows]


async def find_environment(tx: Transaction, organization_id: str, environment_id: str) -> ServiceEnvironment | None:
    """Return one environment of this organization, or None."""
    row = await tx.one_or_none(_environments(organization_id).where(service_environments.c.id == environment_id))
    return None if row is None else _to_environment(row)


def _environments(organization_id: str) -> Select[Any]:
    return (
        select(service_environments, data_keys.c.sealed_key)
        .outerjoin(data_keys, data_keys.c.id == service_environments.c.key_id)
        .where(service_environments.c.organization_id == organization_id)
    )


def _to_service(row: RowMapping) -> Service:
    return Service(
        service_id=row["id"],
        name=row["name"],
        version=row["version"],
        title=row["title"],
        base_url=row["base_url"],
        hosts=tuple(row["hosts"]),
        sign_in=sign_in_from_json(row["sign_in"]),
        user_data_schema=row["user_data_schema"],
        properties=tuple(CustomProperty.model_validate(one) for one in row["properties"]),
        scopes=tuple(row["scopes"]),
        is_set_up=row["is_set_up"],
    )


def _to_environment(row: RowMapping) -> ServiceEnvironment:
    settings = row["settings"]
    return ServiceEnvironment(
        environment_id=row["id"],
        organization_id=row["organization_id"],
        service_id=row["service_id"],
        title=row["title"],
        authentication_type=AuthenticationType(row["authentication_type"]),
        user_data_schema=row["user_data_schema"],
        credentials_schema=row["credentials_schema"],
        scopes=tuple(row["scopes"]),
        base_url=settings.get("baseUrl", ""),
        hosts=tuple(row["hosts"]),
        sign_in_settings=settings.get("signIn", {}),
        client_id=settings.get("clientId", ""),
        properties=settings.get("properties", {}),
        secrets=_secrets(row),
    )


def _secrets(row: RowMapping) -> SealedSecrets | None:
    if row["secrets"] is None:
        return None
    return SealedSecrets(row["secrets"], SealedKey(row["key_id"], row["organization_id"], row["sealed_key"]))
