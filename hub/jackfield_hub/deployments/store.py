"""Deployments in the database: one statement a function. A build shows the fence of its claim with every change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, func, or_, select, update

from jackfield_hub.database import Transaction
from jackfield_hub.deployments.shapes import Deployment, DeploymentState
from jackfield_hub.tables import deployments

_SHOWN = [deployments.c[name] for name in Deployment.__slots__]  # a Deployment's fields are columns of these names


async def insert_unless_active(tx: Transaction, **values: Any) -> bool:
    """Store a new deployment; return False when one of this connector version is under way already."""
    return await tx.insert_if_absent(deployments, {**values, "state": DeploymentState.DEPLOYING.value})


async def find_active(tx: Transaction, organization_id: str, name: str, version: str) -> Deployment | None:
    """Return the deployment of this connector version that is under way, or None."""
    return await _find(tx, _is_of(organization_id, name, version), deployments.c.state == DeploymentState.DEPLOYING)


async def find_latest(tx: Transaction, organization_id: str, name: str, version: str) -> Deployment | None:
    """Return the deployment of this connector version that was submitted last, or None."""
    return await _find(tx, _is_of(organization_id, name, version))


async def find(tx: Transaction, organization_id: str, name: str, version: str, deployment_id: str) -> Deployment | None:
    """Return the deployment of this id, if it is of this connector version, or None."""
    return await _find(tx, _is_of(organization_id, name, version), deployments.c.id == deployment_id)


async def find_by_id(tx: Transaction, deployment_id: str) -> Deployment | None:
    """Return any organization's deployment: for builds, which know the id from their own job."""
    return await _find(tx, deployments.c.id == deployment_id)


async def enter_stage(tx: Transaction, deployment_id: str, fence: int, stage: str) -> bool:
    """Say which stage begins; return False when this build is no longer the one that counts."""
    return await tx.count_changed(_of_build(deployment_id, fence).values(stage=stage, attempt=fence)) == 1


async def finish(
    tx: Transaction, deployment_id: str, fence: int, state: DeploymentState, finished_at: float, **values: Any
) -> bool:
    """End a deployment, once; return False when it has ended, or when this build is no longer the one that counts."""
    changed = _of_build(deployment_id, fence).values(state=state.value, finished_at=finished_at, **values)
    return await tx.count_changed(changed) == 1


@dataclass(frozen=True)
class Kept:
    """Digests of what deployments still need."""

    sources: set[str]
    bundles: set[str]


async def list_kept(tx: Transaction, count: int) -> Kept:
    """Return what is named by the last `count` deployments of each connector version, and its last `count` good ones.

    The very last good one answers calls. Those that are under way are among the last.
    """
    version = (deployments.c.organization_id, deployments.c.connector_name, deployments.c.connector_version)
    numbered = select(
        deployments.c.source_digest,
        deployments.c.bundle_digest,
        _number(*version).label("number"),
        _number(*version, deployments.c.state == DeploymentState.DEPLOYED).label("number_in_state"),
    ).subquery()
    is_good = and_(numbered.c.number_in_state <= count, numbered.c.bundle_digest.is_not(None))
    rows = await tx.rows(
        select(numbered.c.source_digest, numbered.c.bundle_digest).where(or_(numbered.c.number <= count, is_good))
    )
    return Kept(
        sources={row["source_digest"] for row in rows},
        bundles={row["bundle_digest"] for row in rows if row["bundle_digest"]},
    )


def _number(*group: ColumnElement[Any]) -> ColumnElement[int]:
    """Number the deployments of a group, the last one being 1."""
    return func.row_number().over(partition_by=group, order_by=deployments.c.seq.desc())


async def _find(tx: Transaction, *conditions: ColumnElement[bool]) -> Deployment | None:
    row = await tx.one_or_none(select(*_SHOWN).where(*conditions).order_by(deployments.c.seq.desc()).limit(1))
    return None if row is None else Deployment(**{**row, "state": DeploymentState(row["state"])})


def _is_of(organization_id: str, name: str, version: str) -> ColumnElement[bool]:
    return and_(
        deployments.c.organization_id == organization_id,
        deployments.c.connector_name == name,
        deployments.c.connector_version == version,
    )


def _of_build(deployment_id: str, fence: int) -> Update:
    return update(deployments).where(
        deployments.c.id == deployment_id,
        deployments.c.state == DeploymentState.DEPLOYING,
        deployments.c.attempt <= fence,
    )
