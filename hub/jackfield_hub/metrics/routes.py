"""GET /metrics: for the operator's Prometheus, not for tenants."""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import PlainTextResponse
from pydantic import SecretStr

from jackfield_hub.errors import NotFound, Unauthorized, refusals
from jackfield_hub.web import CurrentHub

if TYPE_CHECKING:
    from types import ModuleType

router = APIRouter(tags=["Health"])


@router.get("/metrics", response_class=PlainTextResponse, responses=refusals(NotFound), openapi_extra={"security": []})
async def read_metrics(
    hub: CurrentHub,
    authorization: Annotated[str, Header(include_in_schema=False)] = "",
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Tell Prometheus the hub's numbers, if it shows JACKFIELD_METRICS_TOKEN. Without that setting there are none."""
    _check(hub.settings.metrics_token, authorization)
    service = await asyncio.to_thread(_service)
    content, content_type = await service.write_metrics(hub, accept)
    return Response(content, media_type=content_type)


def _check(token: SecretStr, authorization: str) -> None:
    expected = token.get_secret_value()
    if not expected:
        raise NotFound("There is nothing at this address")
    if not hmac.compare_digest(authorization.encode(), f"Bearer {expected}".encode()):
        raise Unauthorized


def _service() -> ModuleType:
    # Prometheus' library takes 0.1 s and 2 MB to import: only a hub that is asked pays for it.
    from jackfield_hub.metrics import service

    return service
