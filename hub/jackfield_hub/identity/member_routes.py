"""Users API of the public contract: the organization's people and programs, their roles, and invitations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from jackfield_hub.errors import Conflict, Forbidden, InvalidInput, NotFound, RateLimited, Unauthorized, refusals
from jackfield_hub.identity import members, roles
from jackfield_hub.identity.shapes import (
    Acceptance,
    Invite,
    InviteLink,
    NewInvite,
    NewRole,
    NewUser,
    Nothing,
    Right,
    Roles,
    UserElement,
    Users,
)
from jackfield_hub.json_body import read_model
from jackfield_hub.paging import Paging
from jackfield_hub.web import CurrentCaller, CurrentHub, body_of, described_body, read_body

router = APIRouter(tags=["Users"])

ByEmail = Annotated[str | None, Query(max_length=254, description="Only who has exactly this e-mail.")]


@router.get("/core/v1/roles", responses=refusals(Forbidden))
async def list_roles(caller: CurrentCaller) -> Roles:
    """List the roles one can have in the organization."""
    caller.require(Right.SEE_PEOPLE)
    return Roles(elements=roles.list_organization_roles())


@router.get("/core/v1/users", responses=refusals(InvalidInput, Forbidden))
async def list_users(caller: CurrentCaller, hub: CurrentHub, asked: Paging, email: ByEmail = None) -> Users:
    """List the organization's people and programs, a page at a time."""
    return await members.list_users(hub, caller, email, asked)


@router.post(
    "/core/v1/users", responses=refusals(InvalidInput, Forbidden, Conflict), openapi_extra=described_body(NewUser)
)
async def create_user(
    wanted: Annotated[NewUser, Depends(body_of(NewUser))], caller: CurrentCaller, hub: CurrentHub
) -> UserElement:
    """Add a person to the organization."""
    return await members.create_user(hub, caller, wanted)


@router.get("/core/v1/users/{user_id}", responses=refusals(Forbidden, NotFound))
async def read_user(user_id: str, caller: CurrentCaller, hub: CurrentHub) -> UserElement:
    """Look at a person or program of the organization."""
    return await members.read_user(hub, caller, user_id)


@router.delete("/core/v1/users/{user_id}", status_code=204, responses=refusals(Forbidden, NotFound, Conflict))
async def remove_user(user_id: str, caller: CurrentCaller, hub: CurrentHub) -> None:
    """Remove a person or program from the organization. Their tokens stop working at once."""
    await members.remove_user(hub, caller, user_id)


@router.put(
    "/core/v1/users/{user_id}/roles",
    responses=refusals(InvalidInput, Forbidden, NotFound, Conflict),
    openapi_extra=described_body(NewRole),
)
async def change_role(
    user_id: str, wanted: Annotated[NewRole, Depends(body_of(NewRole))], caller: CurrentCaller, hub: CurrentHub
) -> Nothing:
    """Give a person or program another role in the organization, at once."""
    await members.change_role(hub, caller, user_id, wanted.role_id)
    return Nothing()


@router.post(
    "/core/v1/invites",
    responses=refusals(InvalidInput, Forbidden, Conflict, RateLimited),
    openapi_extra=described_body(NewInvite),
)
async def invite(
    wanted: Annotated[NewInvite, Depends(body_of(NewInvite))], caller: CurrentCaller, hub: CurrentHub
) -> Invite:
    """Invite a person into the organization: 100 a day at most."""
    return await members.invite(hub, caller, wanted)


@router.post("/v1/invites/{invite_id}/link", responses=refusals(Forbidden, NotFound))
async def make_invite_link(invite_id: str, caller: CurrentCaller, hub: CurrentHub) -> InviteLink:
    """Get what an invited person comes in with, to hand it over. The hub sends no e-mail."""
    return await members.make_invite_link(hub, caller, invite_id)


@router.post(
    "/v1/invites/accept",
    responses=refusals(InvalidInput, Unauthorized, Conflict),
    openapi_extra={**described_body(Acceptance), "security": []},
)
async def accept_invite(request: Request, hub: CurrentHub) -> UserElement:
    """Come in on an invitation: choose a name and a password. Needs no token but that of the invitation."""
    accepted = read_model(Acceptance, await read_body(request, hub.settings.max_body_bytes))
    return await members.accept_invite(hub, accepted)
