"""Auths API: store credentials, look at what may be seen of them, forget them."""

from __future__ import annotations

from fastapi import APIRouter

from jackfield_hub.auths import service
from jackfield_hub.auths.shapes import Authentication, AuthenticationId, NewAuthentication
from jackfield_hub.errors import Forbidden, InvalidInput, NotFound, refusals
from jackfield_hub.web import CurrentCaller, CurrentHub

router = APIRouter(prefix="/core/v1/authentications", tags=["Authentications"])


@router.post("", responses=refusals(InvalidInput, NotFound))
async def create_auth(wanted: NewAuthentication, caller: CurrentCaller, hub: CurrentHub) -> AuthenticationId:
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
