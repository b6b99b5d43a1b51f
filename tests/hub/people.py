"""Alice, Bob and Charlie at the front door: a real server on a real socket, each with tokens of their own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson

from jackfield_hub.hub import Hub
from jackfield_hub.identity import roles
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.service import NewOrganization, NewOwner
from jackfield_hub.identity.shapes import Caller, CallerKind, Role
from jackfield_hub.identity.tokens import make_token
from jackfield_hub.listener import open_socket, url_of
from jackfield_hub.server import serving


@dataclass(frozen=True)
class Answer:
    """What the hub answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True)
class Person:
    """Somebody with a token. A founder has the master token, and can act as the organization's program too."""

    session: aiohttp.ClientSession
    organization_id: str
    token: str
    api_token: str = ""

    @property
    def program(self) -> Person:
        """The organization's program: what the first API token acts as."""
        return replace(self, token=self.api_token)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.send("GET", path, headers=headers)

    async def post(self, path: str, body: Any) -> Answer:
        return await self.send("POST", path, orjson.dumps(body))

    async def put(self, path: str, body: Any) -> Answer:
        return await self.send("PUT", path, orjson.dumps(body))

    async def delete(self, path: str) -> Answer:
        return await self.send("DELETE", path)

    async def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        said = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **(headers or {})}
        async with self.session.request(method, path, data=body, headers=said) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    def without_token(self) -> Person:
        return replace(self, token="")


@asynccontextmanager
async def front_door(hub: Hub) -> AsyncGenerator[aiohttp.ClientSession]:
    """Serve the hub on a free port and give a client that knows where it is."""
    listener = open_socket("127.0.0.1", 0)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        serving(hub, listener),
        aiohttp.ClientSession(url_of(listener), connector=connector, auto_decompress=False) as session,
    ):
        yield session


async def found(hub: Hub, name: str) -> NewOrganization:
    """Make an organization with an owner of this name."""
    owner = NewOwner(name, f"{name}@example.com", "correct horse battery")
    return await identity.create_organization(hub, name, owner)


async def founder(hub: Hub, session: aiohttp.ClientSession, name: str) -> Person:
    """Return somebody with the master token of a new organization."""
    return person_of(await found(hub, name), session)


def person_of(organization: NewOrganization, session: aiohttp.ClientSession) -> Person:
    """Return whoever holds the master token of this organization."""
    return Person(session, organization.id, organization.master_token.text, organization.api_token.text)


async def caller_of(hub: Hub, person: Person) -> Caller:
    """Return this person as the hub's services know them."""
    return await identity.identify(hub, f"Bearer {person.token}")


async def end_user(hub: Hub, founder: Person, name: str) -> Person:
    """Return an end user of the founder's organization, with a user token."""
    caller = await caller_of(hub, founder)
    user_id = await identity.create_end_user(hub, caller, name, external_id=name)
    token = await identity.create_user_token(hub, caller, user_id)
    return replace(founder, token=token.text, api_token="")


async def program(hub: Hub, founder: Person, name: str) -> Person:
    """Return another program of the founder's organization, with an API token of its own."""
    token = await identity.create_api_token(hub, founder.organization_id, name)
    return replace(founder, token=token.text, api_token="")


async def member(hub: Hub, founder: Person, name: str, role: Role = Role.CONTRIBUTOR) -> Person:
    """Return a member of the founder's organization, `<name>@example.com`, with a token of their own."""
    body = {"name": name, "email": f"{name}@example.com", "organizationRoleId": role_id(role)}
    user = (await founder.post("/core/v1/users", body)).json
    token = make_token(CallerKind.API)
    async with hub.database.transaction() as tx:
        await identity.store_token(
            tx, token, organization_id=founder.organization_id, user_id=user["id"], name=name, now=hub.clock()
        )
    return replace(founder, token=token.text, api_token="")


def role_id(role: Role, scope: str = "organization") -> str:
    """Return the id of a role in the organization, or in a workspace."""
    known = roles.ORGANIZATION_ROLES if scope == "organization" else roles.WORKSPACE_ROLES
    return next(one for one, known_role in known.items() if known_role is role)
