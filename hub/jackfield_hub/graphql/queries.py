"""What can be asked: who I am, my auths, and an organization's end users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar, cast

import strawberry

from jackfield_hub.auths import service as auths
from jackfield_hub.auths.shapes import ListedAuth
from jackfield_hub.graphql.context import Info
from jackfield_hub.graphql.paging import Asked, PageInfo, cursor_of, page_info
from jackfield_hub.graphql.scalars import JsonValue
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.end_users import service as end_users
from jackfield_hub.identity.end_users.shapes import Criteria, EndUser

BREATH = 50  # edges after which other requests get their turn

Edge = TypeVar("Edge")


@strawberry.interface
class Node:
    """Whatever has an id of its own."""

    id: strawberry.ID


@strawberry.interface
class User:
    """Somebody who can act here."""

    id: strawberry.ID


@strawberry.type
class ExternalUser(Node, User):
    """An end user: one of your own users."""

    name: str
    external_user_id: str | None = strawberry.field(description="What you call them.")
    is_test_user: bool | None

    @classmethod
    def of(cls, user: EndUser) -> ExternalUser:
        return cls(
            id=strawberry.ID(user.user_id),
            name=user.name,
            external_user_id=user.external_id,
            is_test_user=user.is_test,
        )


@strawberry.type
class Service(Node):
    """A third party."""

    name: str
    version: str = strawberry.field(description="A whole number, as text.")
    title: str
    icon: str = strawberry.field(description="Empty: services have no pictures here.")


@strawberry.type
class ServiceEnvironment(Node):
    """One way a service is set up."""

    title: str


@strawberry.type
class Authentication(Node):
    """Stored credentials. What is secret in them is never answered."""

    name: str
    service: Service
    service_environment: ServiceEnvironment
    custom_fields: JsonValue = strawberry.field(description="Always an empty object here.")

    @classmethod
    def of(cls, auth: ListedAuth) -> Authentication:
        return cls(
            id=strawberry.ID(auth.auth_id),
            name=auth.name,
            service=Service(
                id=strawberry.ID(auth.service.service_id),
                name=auth.service.name,
                version=str(auth.service.version),
                title=auth.service.title,
                icon="",
            ),
            service_environment=ServiceEnvironment(id=strawberry.ID(auth.environment_id), title=auth.environment_title),
            custom_fields=JsonValue({}),
        )


@strawberry.type
class UserEdge:
    """An end user in a list, and where in it."""

    node: ExternalUser
    cursor: str


@strawberry.type
class AuthenticationEdge:
    """An authentication in a list, and where in it."""

    node: Authentication
    cursor: str


@strawberry.type
class UserConnection:
    """A page of end users, in the order of their ids."""

    shown: strawberry.Private[list[UserEdge]]
    page_info: PageInfo

    @strawberry.field
    def edges(self) -> list[UserEdge]:
        return _with_breaths(self.shown)


@strawberry.type
class AuthenticationConnection:
    """A page of authentications, in the order of their ids."""

    shown: strawberry.Private[list[AuthenticationEdge]]
    page_info: PageInfo

    @strawberry.field
    def edges(self) -> list[AuthenticationEdge]:
        return _with_breaths(self.shown)


@strawberry.type
class UserDetails:
    """Who a token belongs to."""

    username: str = strawberry.field(description="The id of the user.")
    email: str = strawberry.field(description="Empty for somebody without one.")
    name: str


@strawberry.type
class Viewer:
    """Whoever asks."""

    @strawberry.field(description="Who I am; with the master token, the owner of the organization.")
    async def details(self, info: Info) -> UserDetails:
        me = await identity.who_is(info.context.hub, info.context.caller)
        return UserDetails(username=me.username, email=me.email or "", name=me.name)

    @strawberry.field(description="My authentications; with a token of the organization, the organization's own.")
    async def authentications(
        self,
        info: Info,
        *,
        first: int | None = None,
        last: int | None = None,
        before: str | None = None,
        after: str | None = None,
    ) -> AuthenticationConnection:
        context, asked = info.context, Asked(first, last, before, after)
        page = await auths.list_auths(context.hub, context.caller, asked.to_stretch())
        ids = [auth.auth_id for auth in page.elements]
        context.take_nodes(len(ids))
        return AuthenticationConnection(
            shown=[
                AuthenticationEdge(node=Authentication.of(auth), cursor=cursor_of(auth.auth_id))
                for auth in page.elements
            ],
            page_info=page_info(ids, has_previous=page.has_previous, has_next=page.has_next),
        )


@strawberry.input
class UserSearchCriteria:
    """Whom to look for: all that is said has to be exactly so."""

    user_id: str | None = None
    external_user_id: str | None = None
    name: str | None = None
    is_test_user: bool | None = None

    def to_criteria(self) -> Criteria:
        return Criteria(self.user_id, self.external_user_id, self.name, self.is_test_user)


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field(description="Whoever asks.")
    def viewer(self) -> Viewer:
        return Viewer()

    @strawberry.field(description="The organization's end users. For the master token.")
    async def users(
        self,
        info: Info,
        *,
        criteria: UserSearchCriteria | None = None,
        first: int | None = None,
        last: int | None = None,
        before: str | None = None,
        after: str | None = None,
    ) -> UserConnection:
        context, asked = info.context, Asked(first, last, before, after)
        wanted = criteria.to_criteria() if criteria else Criteria()
        page = await end_users.list_end_users(context.hub, context.caller, wanted, asked.to_stretch())
        ids = [user.user_id for user in page.elements]
        context.take_nodes(len(ids))
        return UserConnection(
            shown=[UserEdge(node=ExternalUser.of(user), cursor=cursor_of(user.user_id)) for user in page.elements],
            page_info=page_info(ids, has_previous=page.has_previous, has_next=page.has_next),
        )


def _with_breaths(edges: Iterable[Edge]) -> list[Edge]:
    """Return the edges so that the library waits a moment in between: it turns them into JSON one after the other."""

    async def breathing() -> AsyncIterator[Edge]:
        for number, edge in enumerate(edges, start=1):
            yield edge
            if number % BREATH == 0:
                await asyncio.sleep(0)

    return cast("list[Edge]", breathing())
