"""Services as deployments declare them.

Hosts and sign-in are what stored credentials were given for: a deployment changes them only while there are none.
"""

from __future__ import annotations

import uuid

from jackfield.auth import NoSignIn
from jackfield.manifest import Manifest
from jackfield_hub.changes.shapes import Kind
from jackfield_hub.database import Transaction
from jackfield_hub.errors import InvalidInput
from jackfield_hub.services import environments, store
from jackfield_hub.services.effective import needed_hosts
from jackfield_hub.services.rows import new_service_row, service_columns
from jackfield_hub.services.shapes import Service


class ServiceDiffers(Exception):
    """A connector needs what the service it names does not give; `reason` tells its author what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def ensure_service(tx: Transaction, organization_id: str, manifest: Manifest, now: float) -> str:
    """Return the id of the organization's service the manifest names; register it when there is none.

    One that nobody has set up and nobody has stored an auth for becomes what the manifest says. Any other stays as it
    is: were a deployment to change it, a new version could send credentials elsewhere. Raises ServiceDiffers then.
    """
    try:
        return await _ensure(tx, organization_id, manifest, now)
    except InvalidInput as mistake:
        raise ServiceDiffers(mistake.message) from None


async def _ensure(tx: Transaction, organization_id: str, manifest: Manifest, now: float) -> str:
    ref = manifest.metadata.service
    known = await store.find_service_called(tx, organization_id, ref.name, ref.version)
    if known is None:
        return await _register(tx, organization_id, manifest, now)
    if _is_as_declared(known, manifest):
        return known.service_id
    if known.is_set_up or await store.has_auths(tx, organization_id, known.service_id):
        _check_fits(known, manifest)
        return known.service_id
    declared = _declared(known.service_id, manifest)
    await store.update_service(tx, known.service_id, **service_columns(declared), updated_at=now)
    await environments.follow(tx, organization_id, declared, now)
    tx.changed(organization_id, Kind.SERVICES)
    return known.service_id


async def _register(tx: Transaction, organization_id: str, manifest: Manifest, now: float) -> str:
    service = _declared(str(uuid.uuid4()), manifest)
    is_new = await store.insert_service_if_absent(tx, **new_service_row(organization_id, service, now))
    if not is_new:  # another deployment was faster
        return await _ensure(tx, organization_id, manifest, now)
    await environments.add_default(tx, organization_id, service, now)
    return service.service_id


def _declared(service_id: str, manifest: Manifest) -> Service:
    ref, scopes = manifest.metadata.service, getattr(manifest.sign_in, "scopes", ())
    return Service(
        service_id=service_id,
        name=ref.name,
        version=ref.version,
        title=manifest.metadata.title,
        base_url=manifest.base_url,
        hosts=manifest.hosts,
        sign_in=manifest.sign_in,
        user_data_schema=manifest.user_data_schema,
        scopes=tuple({"scope": scope, "description": ""} for scope in scopes),
    )


def _is_as_declared(service: Service, manifest: Manifest) -> bool:
    known = (service.base_url, service.hosts, service.sign_in, service.user_data_schema)
    return known == (manifest.base_url, manifest.hosts, manifest.sign_in, manifest.user_data_schema)


def _check_fits(service: Service, manifest: Manifest) -> None:
    """A connector may need less than the service gives, and leave the sign-in to it."""
    missing = needed_hosts(manifest.base_url, manifest.hosts) - needed_hosts(service.base_url, service.hosts)
    if missing:
        problem = f"needs {', '.join(sorted(missing))}, where credentials of this service may not go"
    elif isinstance(manifest.sign_in, NoSignIn) or manifest.sign_in == service.sign_in:
        return
    elif manifest.sign_in.kind != service.sign_in.kind:
        problem = f"signs in with {manifest.sign_in.kind}, and the service with {service.sign_in.kind}"
    else:
        problem = f"signs in with other settings of {manifest.sign_in.kind} than the service"
    raise ServiceDiffers(
        f"The service {service.name} version {service.version} has been set up or has authentications, and this "
        f"connector {problem}. Change the service with `jackfield service update --from FILE`, or name another version "
        "of it in connector.json."
    )
