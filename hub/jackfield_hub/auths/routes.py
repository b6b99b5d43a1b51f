"""Auths API: store credentials, look at what may be seen of them, change them, forget them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from jackfield_hub.auths import service
from jackfield_hub.auths.service import NotRenewed, SignInAgain
from jackfield_hub.auths.shapes import (
    Authentication,
    AuthenticationId,
    ChangedAuthentication,
    FullAuthentication,
    NewAuthentication,
)
from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, TooLarge, refusals
from jackfield_hub.idempotency.shapes import AnswerLost, IdempotencyKeyReused, promise_for
from jackfield_hub.web import CurrentCaller, CurrentHub, IdempotencyKey, body_of, described_body, say_replayed

router = APIRouter(prefix="/core/v1/authentications", tags=["Authentications"])

ForceRefresh = Annotated[
    bool, Query(alias="forceRefresh", description="Renew the access token first. Ways without one are not renewed.")
]


@router.post(
    "",
    responses=refusals(InvalidInput, Forbidden, NotFound, TooLarge, IdempotencyKeyReused, AnswerLost),
    openapi_extra=described_body(NewAuthentication),
)
async def create_auth(
    wanted: Annotated[NewAuthentication, Depends(body_of(NewAuthentication))],
    request: Request,
    caller: CurrentCaller,
    hub: CurrentHub,
    key: IdempotencyKey = None,
) -> AuthenticationId:
    """Store credentials for a service environment. They are not tried out against the third party."""
    promise = promise_for(caller, "create auth", key, wanted.model_dump_json().encode())
    created = AuthenticationId(id=await service.create_auth(hub, caller, wanted, promise))
    say_replayed(request, promise)
    return created


@router.get("/{auth_id}", responses=refusals(Forbidden, NotFound))
async def read_auth(auth_id: str, caller: CurrentCaller, hub: CurrentHub) -> Authentication:
    """Look at a stored authentication. Its user data and credentials are not shown."""
    return await service.read_auth(hub, caller, auth_id)


@router.put(
    "/{auth_id}",
    responses=refusals(InvalidInput, Forbidden, NotFound, TooLarge),
    openapi_extra=described_body(ChangedAuthentication),
)
async def change_auth(
    auth_id: str,
    wanted: Annotated[ChangedAuthentication, Depends(body_of(ChangedAuthentication))],
    caller: CurrentCaller,
    hub: CurrentHub,
) -> Authentication:
    """Store other credentials in an authentication. One whose sign-in was over works again."""
    return await service.change_auth(hub, caller, auth_id, wanted)


@router.get("/{auth_id}/full", responses=refusals(InvalidInput, Forbidden, NotFound, SignInAgain, NotRenewed))
async def show_auth(
    auth_id: str,
    request: Request,
    response: Response,
    caller: CurrentCaller,
    hub: CurrentHub,
    *,
    force_refresh: ForceRefresh = False,
) -> FullAuthentication:
    """Look at your own authentication with its secrets, to use it elsewhere. The audit remembers it."""
    response.headers["Cache-Control"] = "no-store"
    request_id = request.state.request_id
    return await service.show_auth(hub, caller, auth_id, request_id=request_id, is_renewed=force_refresh)


@router.delete("/{auth_id}", status_code=204, responses=refusals(Forbidden, NotFound))
async def delete_auth(auth_id: str, caller: CurrentCaller, hub: CurrentHub) -> None:
    """Forget a stored authentication. Calls that use it will stop working."""
    await service.delete_auth(hub, caller, auth_id)
