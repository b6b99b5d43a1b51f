"""Connectors API: what there is to call."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response

from jackfield_hub.catalog import service
from jackfield_hub.catalog.shapes import Connectors, Listing, Operations
from jackfield_hub.errors import NotFound, refusals
from jackfield_hub.web import CurrentCaller, CurrentHub

router = APIRouter(prefix="/core/v1/connectors", tags=["Connectors"])

IfNoneMatch = Annotated[str, Header(description="The ETag of an earlier answer: 304 when nothing has changed.")]


@router.get("", response_model=Connectors, responses=refusals())
async def list_connectors(caller: CurrentCaller, hub: CurrentHub, if_none_match: IfNoneMatch = "") -> Response:
    """List every connector version you may call, in one answer. Not a task."""
    return _answer(await service.list_connectors(hub, caller), if_none_match)


@router.get("/{name}/versions/{version}/operations", response_model=Operations, responses=refusals(NotFound))
async def list_operations(
    name: str, version: str, caller: CurrentCaller, hub: CurrentHub, if_none_match: IfNoneMatch = ""
) -> Response:
    """List what a connector version does, with the schemas of input and output. Not a task."""
    return _answer(await service.list_operations(hub, caller, name, version), if_none_match)


def _answer(listing: Listing, if_none_match: str) -> Response:
    headers = {"ETag": listing.etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if listing.etag in [tag.strip() for tag in if_none_match.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(listing.content, media_type="application/json", headers=headers)
