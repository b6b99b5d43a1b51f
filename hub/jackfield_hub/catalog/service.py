"""The catalogue: which connector versions there are, what they do, and the flip that puts a new bundle in place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from jackfield.exchange import JsonObject
from jackfield.manifest import Manifest, OperationKind, OperationManifest
from jackfield_hub.catalog import store
from jackfield_hub.catalog.shapes import ConnectorVersion, Listing, Publication
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import Transaction
from jackfield_hub.errors import Forbidden, NotFound
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Caller, CallerKind, Right
from jackfield_hub.services.declared import ensure_service
from jackfield_hub.services.finding import find_service

PIECE = 500  #: connectors that are read and written down before others get their turn


async def publish(hub: Hub, tx: Transaction, publication: Publication) -> None:
    """Put a bundle in place: calls that begin after `tx` commits run it, those that run finish on the old one.

    Registers the service the manifest names when the organization has none of this name and version. Raises
    ServiceDiffers when it has one that does not give what the connector needs.
    """
    organization_id, metadata, now = publication.organization_id, publication.manifest.metadata, hub.clock()
    await store.upsert_connector(
        tx,
        key={"organization_id": organization_id, "name": metadata.name, "version": metadata.version},
        created_at=now,
        values={
            "owner_id": publication.owner_id,
            "service_id": await ensure_service(tx, organization_id, publication.manifest, now),
            "deployment_id": publication.deployment_id,
            "bundle_digest": publication.bundle_digest,
            "title": metadata.title,
            "description": metadata.description,
            "manifest": orjson.dumps(publication.manifest.to_json()),
            "updated_at": now,
        },
    )
    await changed(tx, organization_id)


async def changed(tx: Transaction, organization_id: str) -> None:
    """Say that this organization's catalogue has changed, to clients who have a list of it and to all processes."""
    await store.bump_revision(tx, organization_id)
    tx.changed(organization_id, Kind.CATALOG)


async def find_version(hub: Hub, caller: Caller, name: str, version: str) -> ConnectorVersion:
    """Return a connector version the caller may see. Raises NotFound, also when it is there and not theirs to see."""
    key = (caller.organization_id, name, version)
    connector = hub.known_connectors.find(key) or await _look_for_version(hub, key)
    if connector is None or not _is_visible(connector, caller):
        raise NotFound(f"The connector {name:.100} version {version:.20} was not found")
    return connector


def _is_visible(connector: ConnectorVersion, caller: Caller) -> bool:
    user_id = caller.user_id
    return _sees_all(caller) or user_id == connector.owner_id or user_id in connector.shared_with


def _sees_all(caller: Caller) -> bool:
    """End users see what their organization has: it decides in its own product what to offer them."""
    return caller.kind is CallerKind.END_USER or caller.may(Right.SPEAK_FOR_ALL)


async def _look_for_version(hub: Hub, key: tuple[str, str, str]) -> ConnectorVersion | None:
    return await hub.known_connectors.look(key, partial(_read_version, hub, key))


async def _read_version(hub: Hub, key: tuple[str, str, str]) -> ConnectorVersion | None:
    organization_id, name, version = key
    epoch = hub.known_connectors.epoch(organization_id)
    async with hub.database.reading(organization_id) as tx:
        row = await store.find_connector(tx, organization_id, name, version)
        if row is None:
            return None
        service = await find_service(tx, organization_id, row["service_id"])
        shared_with = await store.list_permissions(tx, organization_id, name, version)
    connector = ConnectorVersion(
        organization_id=organization_id,
        bundle_digest=row["bundle_digest"],
        manifest=Manifest.from_json(orjson.loads(row["manifest"])),
        service=service,
        owner_id=row["owner_id"],
        shared_with=frozenset(one["id"] for one in shared_with),
    )
    hub.known_connectors.remember(key, connector, epoch, size=len(row["manifest"]))
    return connector


async def check_may_deploy(tx: Transaction, caller: Caller, name: str, version: str) -> None:
    """Raise Forbidden when the connector is another user's. Who speaks for the organization takes it over."""
    if caller.may(Right.SPEAK_FOR_ALL):
        return
    owners = await store.list_owners(tx, caller.organization_id, name)
    asked = [owners[version]] if version in owners else list(owners.values())
    if any(owner_id != caller.user_id for owner_id in asked):
        raise Forbidden(f"The connector {name:.100} belongs to somebody else. Use the token it was deployed with.")


async def find_for_service(
    hub: Hub, organization_id: str, service_id: str, operation_name: str
) -> ConnectorVersion | None:
    """Return the connector of a service that was deployed last and has this private operation, or None."""
    async with hub.database.reading(organization_id) as tx:
        rows = await store.list_versions_of_service(tx, organization_id, service_id)
    for row in rows:
        key = (organization_id, row["name"], row["version"])
        connector = hub.known_connectors.find(key) or await _look_for_version(hub, key)
        operation = connector.manifest.operations.get(operation_name) if connector else None
        if operation is not None and operation.kind is OperationKind.PRIVATE:
            return connector
    return None


def find_operation(connector: ConnectorVersion, name: str) -> OperationManifest:
    """Return an operation clients may call: listed ones and those of drop-downs. Raises NotFound."""
    operation = connector.manifest.operations.get(name)
    if operation is None or operation.kind is OperationKind.PRIVATE:
        raise NotFound(f"The connector operation {name:.100} was not found")
    return operation


async def list_connectors(hub: Hub, caller: Caller) -> Listing:
    """Return every connector version the caller may see, by name and version."""
    organization_id = caller.organization_id
    seen_by = None if _sees_all(caller) else (caller.user_id or "")
    key = (organization_id, "connectors", seen_by or "")
    known = hub.known_lists.find(key)
    if known is not None:
        return known
    epoch = hub.known_lists.epoch(organization_id)
    async with hub.database.reading(caller.organization_id) as tx:
        revision = await store.read_revision(tx, organization_id)
        content = await _read_connectors(tx, organization_id, seen_by)
    listing = Listing(content, _etag(organization_id, revision, seen_by or "all"))
    hub.known_lists.remember(key, listing, epoch, size=len(listing.content))
    return listing


async def _read_connectors(tx: Transaction, organization_id: str, seen_by: str | None) -> bytes:
    """Return the list as it is answered. Ten thousand connectors at once would take longer than calls should wait."""
    pieces: list[bytes] = []
    last: tuple[str, str] | None = None
    while rows := await store.list_connectors(tx, organization_id, seen_by, last, PIECE):
        pieces.append(await asyncio.to_thread(_connectors_to_bytes, rows))
        last = (rows[-1]["name"], rows[-1]["version"])
    return b'{"elements":[' + b",".join(pieces) + b"]}"


async def list_operations(hub: Hub, caller: Caller, name: str, version: str) -> Listing:
    """Return the public operations of a connector version. Raises NotFound."""
    organization_id = caller.organization_id
    await find_version(hub, caller, name, version)
    key = (organization_id, "operations", name, version)
    known = hub.known_lists.find(key)
    if known is not None:
        return known
    epoch = hub.known_lists.epoch(organization_id)
    async with hub.database.reading(caller.organization_id) as tx:
        revision = await store.read_revision(tx, organization_id)
    connector = await find_version(hub, caller, name, version)  # what it was before `epoch` may be too old
    listing = Listing(_operations_to_bytes(connector.manifest), _etag(organization_id, revision))
    hub.known_lists.remember(key, listing, epoch, size=len(listing.content))
    return listing


def _etag(organization_id: str, revision: int, seen_by: str = "all") -> str:
    return f'W/"{organization_id[:8]}-{revision}-{seen_by[:8]}"'


def _connectors_to_bytes(rows: Sequence[Mapping[Any, Any]]) -> bytes:
    return orjson.dumps([_connector_element(row) for row in rows])[1:-1]  # without the brackets: others follow


def _connector_element(row: Mapping[Any, Any]) -> JsonObject:
    service = {"id": row["service_id"], "name": row["service_name"], "version": row["service_version"]}
    listed = {name: row[name] for name in ("name", "version", "title", "description")}
    return {**listed, "service": service}


def _operations_to_bytes(manifest: Manifest) -> bytes:
    listed = (operation for operation in manifest.operations.values() if operation.kind is OperationKind.PUBLIC)
    return orjson.dumps({"elements": [_operation_element(operation) for operation in listed]})


def _operation_element(operation: OperationManifest) -> JsonObject:
    # Clients draw a form from the input schema and go through these three without looking whether they are there.
    root: JsonObject = {"type": "object", "properties": {}, "required": []}
    return {
        "name": operation.name,
        "title": operation.title,
        "description": operation.description,
        "inputSchema": {**root, **operation.input_schema},
        "outputSchema": operation.output_schema,
        "hasDynamicOutput": operation.has_dynamic_output,
    }
