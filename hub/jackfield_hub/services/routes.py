"""Services API: how a third party's API is set up here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from jackfield.manifest import ServiceRef
from jackfield_hub.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge, refusals
from jackfield_hub.services import service
from jackfield_hub.services.shapes import (
    ChangedService,
    EnvironmentAnswer,
    Environments,
    NewService,
    ServiceAnswer,
    Services,
    WantedEnvironment,
)
from jackfield_hub.web import CurrentCaller, CurrentHub, body_of, described_body

router = APIRouter(tags=["Services"])


def _ref(name: str, version: Annotated[int, Path(ge=0, le=2**31 - 1)]) -> ServiceRef:
    return ServiceRef(name, version)


Named = Annotated[ServiceRef, Depends(_ref)]


NewServiceBody = Annotated[NewService, Depends(body_of(NewService))]
ChangedServiceBody = Annotated[ChangedService, Depends(body_of(ChangedService))]
EnvironmentBody = Annotated[WantedEnvironment, Depends(body_of(WantedEnvironment))]
_ONE = "/v1/services/{name}/versions/{version}"
_MAY_REFUSE = refusals(Forbidden, InvalidInput, NotFound, TooLarge)


@router.get("/core/v1/services/{name}/versions/{version}/environments", responses=refusals(InvalidInput, NotFound))
async def list_environments(ref: Named, caller: CurrentCaller, hub: CurrentHub) -> Environments:
    """List the environments of a service: what an authentication for it must hold, and its scopes. Not a task."""
    return await service.list_environments(hub, caller, ref)


@router.get("/v1/services", responses=refusals(Forbidden))
async def list_services(caller: CurrentCaller, hub: CurrentHub) -> Services:
    """List the services of the organization."""
    return await service.list_services(hub, caller)


@router.post(
    "/v1/services",
    responses=refusals(Forbidden, InvalidInput, Conflict, TooLarge),
    openapi_extra=described_body(NewService),
)
async def create_service(wanted: NewServiceBody, caller: CurrentCaller, hub: CurrentHub) -> ServiceAnswer:
    """Register a service: its hosts, how one signs in there, and its environments."""
    return await service.create_service(hub, caller, wanted)


@router.get(_ONE, responses=refusals(Forbidden, InvalidInput, NotFound))
async def read_service(ref: Named, caller: CurrentCaller, hub: CurrentHub) -> ServiceAnswer:
    """Look at a service and its environments. Of their secrets it says only that they are there."""
    return await service.read_service(hub, caller, ref)


@router.put(
    _ONE,
    responses=refusals(Forbidden, InvalidInput, NotFound, Conflict, TooLarge),
    openapi_extra=described_body(ChangedService),
)
async def change_service(
    ref: Named, wanted: ChangedServiceBody, caller: CurrentCaller, hub: CurrentHub
) -> ServiceAnswer:
    """Change a service. The credentials of its authentications may go to its new hosts from then on."""
    return await service.change_service(hub, caller, ref, wanted)


@router.delete(_ONE, status_code=204, responses=refusals(Forbidden, InvalidInput, NotFound, Conflict))
async def delete_service(ref: Named, caller: CurrentCaller, hub: CurrentHub) -> None:
    """Forget a service and its environments. Nothing may use it any more: no authentication and no connector."""
    await service.delete_service(hub, caller, ref)


@router.post(f"{_ONE}/environments", responses=_MAY_REFUSE, openapi_extra=described_body(WantedEnvironment))
async def create_environment(
    ref: Named, wanted: EnvironmentBody, caller: CurrentCaller, hub: CurrentHub
) -> EnvironmentAnswer:
    """Add an environment: an OAuth app of your own, a sandbox."""
    return await service.create_environment(hub, caller, ref, wanted)


@router.put(
    f"{_ONE}/environments/{{environment_id}}", responses=_MAY_REFUSE, openapi_extra=described_body(WantedEnvironment)
)
async def change_environment(
    ref: Named,
    environment_id: str,
    wanted: EnvironmentBody,
    caller: CurrentCaller,
    hub: CurrentHub,
) -> EnvironmentAnswer:
    """Change an environment, for example to give "Production" its OAuth app. Secrets that are left out stay."""
    return await service.change_environment(hub, caller, ref, environment_id, wanted)
