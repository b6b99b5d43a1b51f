"""The statements about connector versions, with whom they are shared, and the count of changes that caches go by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, exists, or_, select, tuple_, update

from jackfield_hub.database import Transaction
from jackfield_hub.tables import connectors, permissions, revisions, services, users


async def upsert_connector(tx: Transaction, key: dict[str, Any], created_at: float, values: dict[str, Any]) -> None:
    """Point a connector version (`organization_id`, `name`, `version`) at these values, new or not."""
    if not await tx.insert_if_absent(connectors, {**key, **values, "created_at": created_at, "revision": 1}):
        replacement = update(connectors).where(*(connectors.c[name] == value for name, value in key.items()))
        await tx.execute(replacement.values(**values, revision=connectors.c.revision + 1))


async def find_connector(tx: Transaction, organization_id: str, name: str, version: str) -> RowMapping | None:
    """Return bundle_digest, manifest, owner_id and service_id of a connector version, or None."""
    shown = (connectors.c.bundle_digest, connectors.c.manifest, connectors.c.owner_id, connectors.c.service_id)
    return await tx.one_or_none(
        select(*shown).where(
            connectors.c.organization_id == organization_id,
            connectors.c.name == name,
            connectors.c.version == version,
        )
    )


async def list_connectors(
    tx: Transaction, organization_id: str, seen_by: str | None, after: tuple[str, str] | None, size: int
) -> Sequence[RowMapping]:
    """Return name, version, title, description and service_(id|name|version) of an organization's connectors.

    Of all of them, or with `seen_by` of those this user owns or was given, so many that come after this name and
    version.
    """
    place = tuple_(connectors.c.name, connectors.c.version)
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
        .where(connectors.c.organization_id == organization_id, *_is_seen(seen_by))
        .where(*([] if after is None else [place > tuple_(*after)]))
        .order_by(connectors.c.name, connectors.c.version)
        .limit(size)
    )


def _is_seen(seen_by: str | None) -> list[ColumnElement[bool]]:
    if seen_by is None:
        return []
    is_shared = exists().where(
        permissions.c.organization_id == connectors.c.organization_id,
        permissions.c.connector_name == connectors.c.name,
        permissions.c.connector_version == connectors.c.version,
        permissions.c.user_id == seen_by,
    )
    return [or_(connectors.c.owner_id == seen_by, is_shared)]


async def list_owners(tx: Transaction, organization_id: str, name: str) -> dict[str, str | None]:
    """Return who owns each version of a connector: `{"1.0": user id or None}`."""
    rows = await tx.rows(
        select(connectors.c.version, connectors.c.owner_id).where(
            connectors.c.organization_id == organization_id, connectors.c.name == name
        )
    )
    return {row["version"]: row["owner_id"] for row in rows}


async def insert_permission(tx: Transaction, **values: Any) -> bool:
    """Let a user see a connector version; return False when they may already."""
    return await tx.insert_if_absent(permissions, values)


async def list_permissions(tx: Transaction, organization_id: str, name: str, version: str) -> Sequence[RowMapping]:
    """Return id and email of the users a connector version is shared with, by e-mail."""
    return await tx.rows(
        select(users.c.id, users.c.email)
        .join(permissions, permissions.c.user_id == users.c.id)
        .where(_is_of(organization_id, name, version), users.c.removed_at.is_(None))
        .order_by(users.c.email)
    )


async def delete_permission(tx: Transaction, organization_id: str, name: str, version: str, user_id: str) -> bool:
    """Let a user see a connector version no more; return False when they might not anyway."""
    ended = delete(permissions).where(_is_of(organization_id, name, version), permissions.c.user_id == user_id)
    return await tx.count_changed(ended) == 1


def _is_of(organization_id: str, name: str, version: str) -> ColumnElement[bool]:
    return and_(
        permissions.c.organization_id == organization_id,
        permissions.c.connector_name == name,
        permissions.c.connector_version == version,
    )


async def list_versions_of_service(tx: Transaction, organization_id: str, service_id: str) -> Sequence[RowMapping]:
    """Return name and version of the connectors of a service, the one deployed last first."""
    return await tx.rows(
        select(connectors.c.name, connectors.c.version)
        .where(connectors.c.organization_id == organization_id, connectors.c.service_id == service_id)
        .order_by(connectors.c.updated_at.desc(), connectors.c.name, connectors.c.version)
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
