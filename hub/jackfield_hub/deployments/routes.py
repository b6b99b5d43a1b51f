"""Deployments API: send a connector's source, ask how its deployment goes. Clients know three forms of each address."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from jackfield_hub.deployments import service
from jackfield_hub.deployments.refusals import BadArchive
from jackfield_hub.deployments.shapes import DeploymentElement, Submission
from jackfield_hub.errors import Forbidden, NotFound, TooLarge, refusals
from jackfield_hub.idempotency.shapes import AnswerLost, IdempotencyKeyReused, promise_for
from jackfield_hub.web import CurrentCaller, CurrentHub, IdempotencyKey, read_body, say_replayed

router = APIRouter(tags=["Deployments"])

_DEPLOY = "deploy-connector-from-source"
_CONNECTOR = "connectors/{name}/versions/{version}"
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": Submission.model_json_schema()}}}
}


@router.post(
    f"/cdk/v1/deployments/{_CONNECTOR}/{_DEPLOY}",
    response_model_exclude_none=True,
    responses=refusals(BadArchive, Forbidden, TooLarge, IdempotencyKeyReused, AnswerLost),
    openapi_extra=_BODY,
)
@router.post(
    f"/cdk/v1/deployments/{{name}}/versions/{{version}}/{_DEPLOY}",
    response_model_exclude_none=True,
    include_in_schema=False,
)
@router.post(
    f"/internal/v1/{_CONNECTOR}/deployments/{_DEPLOY}", response_model_exclude_none=True, include_in_schema=False
)
async def deploy(
    name: str, version: str, request: Request, caller: CurrentCaller, hub: CurrentHub, *, key: IdempotencyKey = None
) -> DeploymentElement:
    """Deploy a connector. The answer says that it was taken; ask for the deployment to see when it is live."""
    body = await read_body(request, service.largest_body(hub.settings))
    promise = await asyncio.to_thread(
        promise_for, caller, "deploy", key, name.encode("utf-8", "replace"), version.encode("utf-8", "replace"), body
    )
    deployment = await service.submit(hub, caller, name, version, body, promise=promise)
    say_replayed(request, promise)
    return deployment


@router.get(
    f"/cdk/v1/deployments/{_CONNECTOR}/{{deployment_id}}",
    response_model_exclude_none=True,
    responses=refusals(Forbidden, NotFound),
)
@router.get(
    "/cdk/v1/deployments/{name}/versions/{version}/{deployment_id}",
    response_model_exclude_none=True,
    include_in_schema=False,
)
@router.get(
    f"/internal/v1/{_CONNECTOR}/deployments/{{deployment_id}}",
    response_model_exclude_none=True,
    include_in_schema=False,
)
async def read_deployment(
    name: str, version: str, deployment_id: str, caller: CurrentCaller, hub: CurrentHub
) -> DeploymentElement:
    """Say how a deployment goes. `latest` in place of the id is the one that was submitted last."""
    return await service.read(hub, caller, name, version, deployment_id)
