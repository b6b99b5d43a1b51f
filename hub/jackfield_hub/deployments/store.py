"""Deployments in the database: one statement a function. A build shows the fence of its claim with every change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Update, and_, select, update

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


async def list_source_digests(tx: Transaction) -> set[str]:
    """Return the digests of all sources some deployment names."""
    return {row["source_digest"] for row in await tx.rows(select(deployments.c.source_digest).distinct())}


async def list_bundle_digests(tx: Transaction) -> set[str]:
    """Return the digests of all bundles some deployment made."""
    made = select(deployments.c.bundle_digest).where(deployments.c.bundle_digest.is_not(None))
    return {row["bundle_digest"] for row in await tx.rows(made.distinct())}


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
