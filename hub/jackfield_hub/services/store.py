"""The statements about services and their environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, select

from jackfield.auth import AuthenticationType, sign_in_from_json
from jackfield_hub.database import Transaction
from jackfield_hub.services.shapes import Service, ServiceEnvironment
from jackfield_hub.tables import service_environments, services


async def insert_service_if_absent(tx: Transaction, **values: Any) -> bool:
    """Store a service. Return False when the organization has one of this name and version already."""
    return await tx.insert_if_absent(services, values)


async def insert_environment(tx: Transaction, **values: Any) -> None:
    """Store an environment of a service."""
    await tx.execute(service_environments.insert().values(**values))


async def find_service_id(tx: Transaction, organization_id: str, name: str, version: int) -> str | None:
    """Return the id of the organization's service of this name and version, or None."""
    return await tx.scalar(
        select(services.c.id).where(
            services.c.organization_id == organization_id, services.c.name == name, services.c.version == version
        )
    )


async def find_service(tx: Transaction, organization_id: str, service_id: str) -> Service | None:
    """Return one service of this organization, or None."""
    row = await tx.one_or_none(
        select(services).where(services.c.organization_id == organization_id, services.c.id == service_id)
    )
    return None if row is None else _to_service(row)


async def list_environments(tx: Transaction, organization_id: str, service_id: str) -> Sequence[ServiceEnvironment]:
    """Return the environments of a service, oldest first."""
    rows = await tx.rows(
        select(service_environments)
        .where(
            service_environments.c.organization_id == organization_id, service_environments.c.service_id == service_id
        )
        .order_by(service_environments.c.created_at, service_environments.c.id)
    )
    return [_to_environment(row) for row in rows]


async def find_environment(tx: Transaction, organization_id: str, environment_id: str) -> ServiceEnvironment | None:
    """Return one environment of this organization, or None."""
    row = await tx.one_or_none(
        select(service_environments).where(
            service_environments.c.organization_id == organization_id, service_environments.c.id == environment_id
        )
    )
    return None if row is None else _to_environment(row)


def _to_service(row: RowMapping) -> Service:
    return Service(
        service_id=row["id"],
        name=row["name"],
        version=row["version"],
        base_url=row["base_url"],
        hosts=tuple(row["hosts"]),
        sign_in=sign_in_from_json(row["sign_in"]),
        user_data_schema=row["user_data_schema"],
    )


def _to_environment(row: RowMapping) -> ServiceEnvironment:
    return ServiceEnvironment(
        environment_id=row["id"],
        service_id=row["service_id"],
        title=row["title"],
        authentication_type=AuthenticationType(row["authentication_type"]),
        user_data_schema=row["user_data_schema"],
        credentials_schema=row["credentials_schema"],
        scopes=tuple(row["scopes"]),
    )
