"""Deployments: taken in, answered for, and cleaned up after. Building them is build.py's."""

from __future__ import annotations

import asyncio
import binascii
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from jackfield_hub import json_body
from jackfield_hub.catalog import service as catalog
from jackfield_hub.database import EVERY_ORGANIZATION, Transaction
from jackfield_hub.deployments import store
from jackfield_hub.deployments.archive import Archive, Limits, open_archive
from jackfield_hub.deployments.refusals import NotBase64, PathDiffers
from jackfield_hub.deployments.shapes import LATEST, BuildError, Deployment, DeploymentElement, DeploymentState
from jackfield_hub.errors import Forbidden, NotFound, TooLarge, Unavailable
from jackfield_hub.full_disk import is_full
from jackfield_hub.hub import Hub
from jackfield_hub.idempotency import service as idempotency
from jackfield_hub.idempotency.shapes import Promise
from jackfield_hub.identity import namespaces
from jackfield_hub.identity.shapes import Caller, Right
from jackfield_hub.logs import describe, log
from jackfield_hub.settings import Settings

BUILD_JOB = "build"
ORPHAN_SECONDS = 3600.0  # what nobody names for so long was left behind by something that died
P = ParamSpec("P")
Result = TypeVar("Result")

_BODY_EXTRA_BYTES = 64 * 1024  # around the base64 text

# Checking an archive is seconds of work at worst. Two at a time leave a processor to the calls.
_checks = ThreadPoolExecutor(max_workers=2, thread_name_prefix="archive")


def largest_body(settings: Settings) -> int:
    """Return how many bytes the body of a deployment request may have."""
    return settings.max_upload_bytes * 4 // 3 + _BODY_EXTRA_BYTES


async def submit(
    hub: Hub, caller: Caller, name: str, version: str, body: bytes, *, promise: Promise | None = None
) -> DeploymentElement:
    """Take a connector's source in. When this returns, the source and the deployment are on disk, and it will be built.

    While the same connector version is being deployed, the answer is about that deployment, and this source is not
    used. Raises Forbidden, InvalidInput, TooLarge, a BadArchive or PathDiffers; IdempotencyKeyReused; Unavailable.
    """
    caller.require(Right.DEPLOY)
    async with hub.database.reading(caller.organization_id) as tx:
        known = await idempotency.find_answer(hub, tx, promise)
    if known is not None:
        return DeploymentElement.model_validate_json(known)
    archive = await _in_check_thread(_open, hub.settings, body)
    if (archive.metadata.name, archive.metadata.version) != (name, version):
        raise PathDiffers(
            f"connector.json says {archive.metadata.name} version {archive.metadata.version}, but the address says "
            f"{name:.100} version {version:.20}. Make them the same."
        )
    await namespaces.check_name(hub, caller.organization_id, name)
    async with hub.database.reading(caller.organization_id) as tx:
        await catalog.check_may_deploy(tx, caller, name, version)
        running = await store.find_active(tx, caller.organization_id, name, version)
    if running is not None and promise is None:
        return _repeat(caller, running)
    digest = await _keep_source(hub, archive)
    async with hub.database.transaction(caller.organization_id) as tx:
        known = await idempotency.claim(hub, tx, promise)
        if known is not None:
            return DeploymentElement.model_validate_json(known)
        accepted = await _accept(hub, tx, caller, archive, digest)
        await idempotency.keep(hub, tx, promise, accepted.model_dump_json().encode())
        return accepted


async def read(hub: Hub, caller: Caller, name: str, version: str, deployment_id: str) -> DeploymentElement:
    """Return a deployment the caller submitted, or any when they speak for their organization; `latest` is an id too.

    Raises Forbidden, NotFound.
    """
    caller.require(Right.DEPLOY)
    async with hub.database.reading(caller.organization_id) as tx:
        if deployment_id == LATEST:
            found = await store.find_latest(tx, caller.organization_id, name, version)
        else:
            found = await store.find(tx, caller.organization_id, name, version, deployment_id)
    if found is None or not _is_visible(caller, found):
        raise NotFound(f"The deployment {deployment_id:.40} of {name:.100} version {version:.20} was not found")
    return _element(found)


async def forget_orphans(hub: Hub) -> int:
    """Remove sources and bundles that are an hour old and which no deployment names that is kept. Return how many."""
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        kept = await store.list_kept(tx, hub.settings.kept_deployments)
    forgotten = await asyncio.to_thread(hub.sources.forget_orphans, kept.sources, ORPHAN_SECONDS)
    forgotten += await asyncio.to_thread(hub.bundles.forget_orphans, kept.bundles, ORPHAN_SECONDS)
    if hub.contents is not None:
        await hub.contents.forget_orphans(kept.sources | kept.bundles, ORPHAN_SECONDS)
    return forgotten


async def _keep_source(hub: Hub, archive: Archive) -> str:
    """Return the digest of the source; it is on disk then, and where other hubs look for it. Raises Unavailable."""
    try:
        digest = await _in_check_thread(hub.sources.store, archive)
    except OSError as failure:
        if not is_full(failure):
            raise
        log.error("source_not_kept", **describe(failure))
        raise Unavailable("The hub's disk is full: nothing is deployed. Whoever runs it has to make room.") from None
    await hub.sources.share(digest)
    return digest


def _is_visible(caller: Caller, deployment: Deployment) -> bool:
    return deployment.user_id == caller.user_id or caller.may(Right.SPEAK_FOR_ALL)


def _repeat(caller: Caller, running: Deployment) -> DeploymentElement:
    """Answer about the deployment that is under way already. Raises Forbidden when it is somebody else's."""
    if not _is_visible(caller, running):
        raise Forbidden(f"Somebody else is deploying {running.connector_name}. Choose another name.")
    return _element(running, is_repeat=True)


async def _accept(hub: Hub, tx: Transaction, caller: Caller, archive: Archive, digest: str) -> DeploymentElement:
    """Store the deployment and its build in one; or find the one that was quicker."""
    name, version = archive.metadata.name, archive.metadata.version
    deployment_id = str(uuid.uuid4())
    while not await store.insert_unless_active(
        tx,
        id=deployment_id,
        organization_id=caller.organization_id,
        user_id=caller.user_id,
        connector_name=name,
        connector_version=version,
        source_digest=digest,
        attempt=0,
        created_at=hub.clock(),
    ):
        running = await store.find_active(tx, caller.organization_id, name, version)
        if running is not None:
            return _repeat(caller, running)
        # It was in our way, and finished before we could look: try again.
    wanted = {"deploymentId": deployment_id}
    await hub.jobs.enqueue(tx, BUILD_JOB, wanted, dedupe=deployment_id, share_of=caller.organization_id)
    accepted = await store.find_by_id(tx, deployment_id)
    assert accepted is not None, "we have just put it there"
    return _element(accepted)


def _element(deployment: Deployment, *, is_repeat: bool = False) -> DeploymentElement:
    errors = None
    if deployment.state is DeploymentState.FAILED:
        errors = [BuildError(step=deployment.failed_step or "", message=deployment.reason or "")]
    return DeploymentElement(
        id=deployment.id,
        deployment_status=deployment.state,
        connector_name=deployment.connector_name,
        connector_version=deployment.connector_version,
        repeat_deployment=True if is_repeat else None,
        errors=errors,
    )


async def _in_check_thread(work: Callable[P, Result], *arguments: P.args, **options: P.kwargs) -> Result:
    return await asyncio.wrap_future(_checks.submit(work, *arguments, **options))


def _open(settings: Settings, body: bytes) -> Archive:
    data = _decoded(_source_code(body))
    if len(data) > settings.max_upload_bytes:
        raise TooLarge(f"The archive is larger than {settings.max_upload_bytes} bytes, the most this hub takes.")
    return open_archive(data, archive_limits(settings))


def archive_limits(settings: Settings) -> Limits:
    return Limits(settings.max_files, settings.max_unpacked_bytes)


def _source_code(body: bytes) -> str:
    code = json_body.read_object(body).get("connectorSourceCode")
    if not isinstance(code, str):
        raise json_body.invalid("expecting a zip archive in base64 as string at 'connectorSourceCode'")
    return code


def _decoded(code: str) -> bytes:
    """Standard base64. Line breaks are allowed: many tools put them in."""
    try:
        return binascii.a2b_base64("".join(code.split()).encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise NotBase64("connectorSourceCode is not standard base64. Encode the zip archive again.") from None
