"""From a source to a connector version that answers calls: one job, which may be done again from its beginning.

Nothing a build does can be seen before its last stage, and that one is a single transaction.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from jackfield.manifest import Manifest, Metadata
from jackfield.project import package_name
from jackfield_hub.catalog import service as catalog
from jackfield_hub.catalog.shapes import Publication
from jackfield_hub.data_folder import let_workers_pass, let_workers_read
from jackfield_hub.database import EVERY_ORGANIZATION
from jackfield_hub.deployments import service, store
from jackfield_hub.deployments.archive import open_archive
from jackfield_hub.deployments.bundles import DEPENDENCIES, MANIFEST, RECORD, SOURCE, BundleChanged
from jackfield_hub.deployments.install import Installer
from jackfield_hub.deployments.refusals import BadArchive
from jackfield_hub.deployments.requirements import Wheel, read_requirements
from jackfield_hub.deployments.shapes import Deployment, DeploymentState
from jackfield_hub.deployments.stages import CannotBuild, Stage
from jackfield_hub.deployments.traceback_for_author import for_author
from jackfield_hub.deployments.untrusted_manifest import read_manifest
from jackfield_hub.full_disk import is_full
from jackfield_hub.hub import Hub
from jackfield_hub.jobs.service import Job, LeaseLost
from jackfield_hub.logs import log
from jackfield_hub.sandbox.pool import Bundle, LoadFailed
from jackfield_hub.services.declared import ServiceDiffers

BUILDS_AT_ONCE = 2  # of one organization
SPARE_BUILDS = 1  # in each process, for an organization that builds nothing: it shall not wait for all of another's
MAX_ATTEMPTS = 5
MAX_REASON_CHARACTERS = 4000
DAMAGED = "The stored source is damaged. Deploy it again."


def register(hub: Hub) -> None:
    """Let this process build what is deployed. What its builds were working in when it died last time is removed."""
    shutil.rmtree(_scratch(hub), ignore_errors=True)
    handled = hub.jobs.handler(
        service.BUILD_JOB,
        concurrency=max(1, BUILDS_AT_ONCE // hub.settings.processes),
        spare=SPARE_BUILDS,
        max_attempts=MAX_ATTEMPTS,
        lease_seconds=hub.settings.job_lease_seconds,
        on_lost=partial(_give_up, hub),
    )
    handled(partial(_build, hub))


@dataclass
class _Build:
    """One attempt to build one deployment. `folder` is its own, and goes away with it."""

    hub: Hub
    job: Job
    deployment: Deployment
    folder: Path
    stage: Stage = Stage.UNPACK
    wheels: list[Wheel] = field(default_factory=list[Wheel])

    @property
    def draft(self) -> Path:
        """What becomes the bundle."""
        return self.folder / "bundle"

    async def enter(self, stage: Stage) -> None:
        """Say where we are. Raises LeaseLost when another attempt has taken over."""
        self.stage = stage
        async with self.hub.database.transaction(self.deployment.organization_id) as tx:
            if not await store.enter_stage(tx, self.deployment.id, self.job.fence, stage):
                raise LeaseLost


async def _build(hub: Hub, job: Job) -> None:
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        deployment = await store.find_by_id(tx, job.payload["deploymentId"])
    if deployment is None or deployment.state is not DeploymentState.DEPLOYING:
        return
    async with _work_folder(hub, f"{deployment.id}-{job.fence}") as folder:
        build = _Build(hub, job, deployment, folder)
        try:
            async with asyncio.timeout(hub.settings.build_seconds):
                await _run_stages(build)
        except CannotBuild as mistake:
            await _fail(build, mistake.reason)
        except TimeoutError:
            await _fail(build, f"Building took longer than {hub.settings.build_seconds:g} seconds.")
        except OSError as failure:
            if not is_full(failure):
                raise
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)  # or there is no room to say so
            await _fail(build, "The hub's disk is full. Whoever runs this hub has to make room.")
    await service.forget_orphans(hub)


async def _run_stages(build: _Build) -> None:
    await build.enter(Stage.UNPACK)
    metadata = await asyncio.to_thread(_unpack, build, await _find_source(build))
    await build.enter(Stage.CHECK)
    requirements = await asyncio.to_thread(_check, build.draft / SOURCE, metadata)
    await build.enter(Stage.INSTALL)
    await _install(build, requirements)
    await build.enter(Stage.DESCRIBE)
    manifest = await _describe(build, metadata)
    await build.enter(Stage.STORE)
    digest = await asyncio.to_thread(_store, build, manifest)
    await build.hub.bundles.share(digest)
    await build.enter(Stage.PUBLISH)
    await _publish(build, manifest, digest)


async def _find_source(build: _Build) -> bytes:
    try:
        return await build.hub.sources.find(build.deployment.source_digest)
    except FileNotFoundError:
        raise CannotBuild(DAMAGED) from None


def _unpack(build: _Build, data: bytes) -> Metadata:
    """Write the source's files. It was checked when it came in; it is checked again, because disks fail."""
    try:
        archive = open_archive(data, service.archive_limits(build.hub.settings))
    except BadArchive:
        raise CannotBuild(DAMAGED) from None
    source = build.draft / SOURCE
    source.mkdir(parents=True)
    for path, content in archive.contents():
        place = source / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return archive.metadata


def _check(source: Path, metadata: Metadata) -> list[str]:
    """Make sure that this is a Python connector, and return what it depends on."""
    package = package_name(metadata.name)
    pyproject = source / "pyproject.toml"
    if not (source / package / "connector.py").is_file():
        if (source / "package.json").is_file() and not pyproject.is_file():
            raise CannotBuild(
                "TypeScript connectors are not run by this hub yet. Write the connector in Python: "
                "`jackfield connector init` starts one."
            )
        raise CannotBuild(f"{package}/connector.py is missing: that is where the Connector lives.")
    return read_requirements(pyproject.read_bytes()) if pyproject.is_file() else []


async def _install(build: _Build, requirements: list[str]) -> None:
    settings = build.hub.settings
    installer = Installer(
        build.hub.workers, settings.package_index, settings.max_dependency_bytes, settings.package_hosts
    )
    deadline = time.monotonic() + settings.build_seconds
    build.wheels = await installer.install(requirements, build.draft / DEPENDENCIES, deadline)


async def _describe(build: _Build, metadata: Metadata) -> Manifest:
    """Let a worker import the connector and say what it can do."""
    deadline = time.monotonic() + build.hub.settings.build_seconds
    await asyncio.to_thread(let_workers_read, build.draft)
    bundle = Bundle(folder=build.draft, package=package_name(metadata.name), digest=f"draft {build.folder.name}")
    try:
        described = await build.hub.workers.describe(bundle, metadata, deadline)
    except LoadFailed as failure:
        raise CannotBuild(for_author(failure.reason, build.draft)) from None
    return await asyncio.to_thread(read_manifest, described, metadata)


def _store(build: _Build, manifest: Manifest) -> str:
    """Make the bundle and return its digest."""
    record: dict[str, Any] = {
        "package": package_name(manifest.metadata.name),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "source": build.deployment.source_digest,
        "dependencies": [asdict(wheel) for wheel in build.wheels],
    }
    (build.draft / MANIFEST).write_bytes(orjson.dumps(manifest.to_json(), option=orjson.OPT_SORT_KEYS))
    (build.draft / RECORD).write_bytes(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))
    try:
        return build.hub.bundles.store(build.draft)
    except BundleChanged:
        raise CannotBuild("The connector's folder holds links or special files after it was imported.") from None


async def _publish(build: _Build, manifest: Manifest, digest: str) -> None:
    """The flip: deployment, catalogue and job change together, or not at all."""
    hub, deployment = build.hub, build.deployment
    publication = Publication(
        organization_id=deployment.organization_id,
        deployment_id=deployment.id,
        owner_id=deployment.user_id,
        bundle_digest=digest,
        manifest=manifest,
    )
    try:
        async with hub.database.transaction(deployment.organization_id) as tx:
            finished = await store.finish(
                tx, deployment.id, build.job.fence, DeploymentState.DEPLOYED, hub.clock(), bundle_digest=digest
            )
            if not finished:
                raise LeaseLost
            await catalog.publish(hub, tx, publication)
            await build.job.finish(tx)
    except ServiceDiffers as mistake:
        raise CannotBuild(mistake.reason) from None
    hub.numbers.deployments[DeploymentState.DEPLOYED] += 1
    log.info("deployed", deployment=deployment.id, attempt=build.job.attempt)


async def _fail(build: _Build, reason: str) -> None:
    await _record_failure(build.hub, build.job, build.deployment.id, build.stage, reason)


async def _give_up(hub: Hub, job: Job) -> None:
    """Every attempt was cut short by something that is not the connector's author's to mend."""
    async with hub.database.reading(EVERY_ORGANIZATION) as tx:
        deployment = await store.find_by_id(tx, job.payload["deploymentId"])
    if deployment is not None and deployment.state is DeploymentState.DEPLOYING:
        reason = f"BuilderLost: the hub was stopped or broke in each of {MAX_ATTEMPTS} attempts. Deploy again."
        await _record_failure(hub, job, deployment.id, Stage(deployment.stage or Stage.UNPACK), reason)


async def _record_failure(hub: Hub, job: Job, deployment_id: str, stage: Stage, reason: str) -> None:
    async with hub.database.transaction(EVERY_ORGANIZATION) as tx:
        values = {"failed_step": stage.value, "reason": reason[:MAX_REASON_CHARACTERS]}
        if not await store.finish(tx, deployment_id, job.fence, DeploymentState.FAILED, hub.clock(), **values):
            raise LeaseLost
        await job.finish(tx)
    hub.numbers.deployments[DeploymentState.FAILED] += 1
    log.info("deployment_failed", deployment=deployment_id, step=stage.value, attempt=job.attempt)


def _scratch(hub: Hub) -> Path:
    return hub.settings.data_dir.absolute() / "scratch" / hub.process


@asynccontextmanager
async def _work_folder(hub: Hub, name: str) -> AsyncGenerator[Path]:
    """A folder for one attempt; it is gone at the end, however that comes. Killed ones are swept at the next start."""
    folder = _scratch(hub) / name
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    let_workers_pass(_scratch(hub).parent, _scratch(hub), folder)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
