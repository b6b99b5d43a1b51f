"""Who am I, which tokens are there, and how do our connectors' names begin?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from jackfield_hub.errors import Conflict, Forbidden, InvalidInput, NotFound, refusals
from jackfield_hub.identity import namespaces, programs, service
from jackfield_hub.identity.shapes import MadeToken, Me, Namespace, NewApiUser, Tokens, UserElement, WantedToken
from jackfield_hub.web import CurrentCaller, CurrentHub, body_of, described_body

router = APIRouter(tags=["Identity"])


@router.get("/v1/me", responses=refusals())
async def read_me(caller: CurrentCaller, hub: CurrentHub) -> Me:
    """Tell whose token this is."""
    return await service.who_is(hub, caller)


@router.post(
    "/v1/api-users",
    responses=refusals(InvalidInput, Forbidden, NotFound, Conflict),
    openapi_extra=described_body(NewApiUser),
)
async def create_api_user(
    wanted: Annotated[NewApiUser, Depends(body_of(NewApiUser))], caller: CurrentCaller, hub: CurrentHub
) -> UserElement:
    """Make a program that acts for the organization. It needs a token next. Takes an administrator."""
    return await programs.create_api_user(hub, caller, wanted)


@router.get("/v1/tokens", responses=refusals())
async def list_tokens(caller: CurrentCaller, hub: CurrentHub) -> Tokens:
    """List the tokens you may revoke: your own, and for administrators those of others."""
    return await programs.list_tokens(hub, caller)


@router.post(
    "/v1/tokens", responses=refusals(InvalidInput, Forbidden, NotFound), openapi_extra=described_body(WantedToken)
)
async def create_token(
    wanted: Annotated[WantedToken, Depends(body_of(WantedToken))], caller: CurrentCaller, hub: CurrentHub
) -> MadeToken:
    """Make a token. Its text is answered this once."""
    return await programs.create_token(hub, caller, wanted)


@router.delete("/v1/tokens/{token_id}", status_code=204, responses=refusals(NotFound))
async def revoke_token(token_id: str, caller: CurrentCaller, hub: CurrentHub) -> None:
    """Make a token useless, at once."""
    await programs.revoke_token(hub, caller, token_id)


@router.get("/v1/organizations/{organization_id}/namespace", responses=refusals(Forbidden, NotFound))
async def read_namespace(organization_id: str, caller: CurrentCaller, hub: CurrentHub) -> Namespace:
    """Tell how the names of the organization's connectors begin."""
    return await namespaces.read_namespace(hub, caller, organization_id)


@router.post(
    "/v1/organizations/{organization_id}/namespace",
    responses=refusals(InvalidInput, Forbidden, NotFound, Conflict),
    openapi_extra=described_body(Namespace),
)
async def create_namespace(
    organization_id: str,
    wanted: Annotated[Namespace, Depends(body_of(Namespace))],
    caller: CurrentCaller,
    hub: CurrentHub,
) -> Namespace:
    """Choose how the names of the organization's connectors begin, for good. Saying the same again changes nothing."""
    return await namespaces.create_namespace(hub, caller, organization_id, wanted)
