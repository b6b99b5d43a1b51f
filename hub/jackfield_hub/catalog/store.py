"""The statements about connector versions, and the count of changes that caches go by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.tables import connectors, revisions, services


async def upsert_connector(tx: Transaction, key: dict[str, Any], created_at: float, values: dict[str, Any]) -> None:
    """Point a connector version (`organization_id`, `name`, `version`) at these values, new or not."""
    if not await tx.insert_if_absent(connectors, {**key, **values, "created_at": created_at, "revision": 1}):
        replacement = update(connectors).where(*(connectors.c[name] == value for name, value in key.items()))
        await tx.execute(replacement.values(**values, revision=connectors.c.revision + 1))


async def find_connector(tx: Transaction, organization_id: str, name: str, version: str) -> RowMapping | None:
    """Return bundle_digest, manifest and service_id of a connector version, or None."""
    return await tx.one_or_none(
        select(connectors.c.bundle_digest, connectors.c.manifest, connectors.c.service_id).where(
            connectors.c.organization_id == organization_id,
            connectors.c.name == name,
            connectors.c.version == version,
        )
    )


async def list_connectors(tx: Transaction, organization_id: str) -> Sequence[RowMapping]:
    """Return name, version, title, description and service_(id|name|version) of an organization's connectors."""
    return await tx.rows(
        select(
            connectors.c.name,
            connectors.c.version,
            connectors.c.title,
            connectors.c.description,
            services.c.id.label("service_id"),
            services.c.name.label("service_name"),
            services.c.version.label("service_version"),
        )
        .join(services, services.c.id == connectors.c.service_id)
        .where(connectors.c.organization_id == organization_id)
        .order_by(connectors.c.name, connectors.c.version)
    )


async def bump_revision(tx: Transaction, organization_id: str) -> None:
    """Count one more change of what this organization sees."""
    if not await tx.insert_if_absent(revisions, {"organization_id": organization_id, "number": 1}):
        changed = update(revisions).where(revisions.c.organization_id == organization_id)
        await tx.execute(changed.values(number=revisions.c.number + 1))


async def read_revision(tx: Transaction, organization_id: str) -> int:
    """Return how many changes there were."""
    number = await tx.scalar(select(revisions.c.number).where(revisions.c.organization_id == organization_id))
    return number or 0
