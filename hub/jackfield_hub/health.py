"""/healthz and /readyz: for whoever keeps this hub running."""

from __future__ import annotations

from fastapi import APIRouter

from jackfield_hub.errors import Unavailable, refusals
from jackfield_hub.web import CurrentHub

router = APIRouter(tags=["Health"])


@router.get("/healthz", openapi_extra={"security": []})
async def read_health() -> dict[str, str]:
    """Say that the process runs."""
    return {"status": "ok"}


@router.get("/readyz", openapi_extra={"security": []}, responses=refusals(Unavailable))
async def read_readiness(hub: CurrentHub) -> dict[str, str]:
    """Say whether new requests will be served: not while the hub stops, nor while its database is away.

    `rung` says how connectors are confined: R1 and R2 are jails, R4 is none.
    """
    if hub.is_leaving or hub.is_draining:
        raise Unavailable("The hub is stopping")
    await hub.database.ping()
    return {"status": "ready", "rung": hub.confinement.rung}
