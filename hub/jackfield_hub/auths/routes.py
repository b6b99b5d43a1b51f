"""Auths API: store credentials, look at what may be seen of them, forget them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from jackfield_hub.auths import service
from jackfield_hub.auths.shapes import Authentication, AuthenticationId, NewAuthentication, read_new
from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, TooLarge, refusals
from jackfield_hub.json_body import read_object
from jackfield_hub.web import CurrentCaller, CurrentHub, read_body

router = APIRouter(prefix="/core/v1/authentications", tags=["Authentications"])


async def _read_wanted(request: Request, _caller: CurrentCaller, hub: CurrentHub) -> NewAuthentication:
    """Read the body whatever its label says, and only for somebody with a token."""
    return read_new(read_object(await read_body(request, hub.settings.max_body_bytes)))


Wanted = Annotated[NewAuthentication, Depends(_read_wanted)]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": NewAuthentication.model_json_schema()}},
    }
}


@router.post("", responses=refusals(InvalidInput, NotFound, TooLarge), openapi_extra=_BODY)
async def create_auth(wanted: Wanted, caller: CurrentCaller, hub: CurrentHub) -> AuthenticationId:
    """Store credentials for a service environment. They are not tried out against the third party."""
    return AuthenticationId(id=await service.create_auth(hub, caller, wanted))


@router.get("/{auth_id}", responses=refusals(Forbidden, NotFound))
async def read_auth(auth_id: str, caller: CurrentCaller, hub: CurrentHub) -> Authentication:
    """Look at a stored authentication. Its user data and credentials are not shown."""
    return await service.read_auth(hub, caller, auth_id)


@router.delete("/{auth_id}", status_code=204, responses=refusals(Forbidden, NotFound))
async def delete_auth(auth_id: str, caller: CurrentCaller, hub: CurrentHub) -> None:
    """Forget a stored authentication. Calls that use it will stop working."""
    await service.delete_auth(hub, caller, auth_id)
