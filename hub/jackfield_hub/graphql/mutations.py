"""What can be done: end users made, changed, removed and let in; auths stored and forgotten; operations called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeVar

import orjson
import strawberry

from jackfield_hub.auths import owned
from jackfield_hub.auths import service as auths
from jackfield_hub.auths.shapes import NewAuthentication
from jackfield_hub.calls import service as calls
from jackfield_hub.calls.body import call_of
from jackfield_hub.graphql.context import Info
from jackfield_hub.graphql.queries import ExternalUser
from jackfield_hub.graphql.scalars import JsonValue, read_object_of
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.end_users import service as end_users
from jackfield_hub.json_body import read_model

Asked = TypeVar("Asked")
Input = Annotated[Asked, strawberry.argument(name="input")]


@strawberry.input
class Asking:
    """What every mutation takes."""

    client_mutation_id: str | None = strawberry.field(default=None, description="Comes back as it is.")


@strawberry.type
class Answer:
    """What every mutation gives."""

    client_mutation_id: str | None = strawberry.field(default=None, description="What was sent, or null.")


@strawberry.input
class CreateExternalUserInput(Asking):
    """An end user to make."""

    name: str
    external_user_id: str = strawberry.field(description="What you call them. Once in an organization.")
    is_test_user: bool | None = None


@strawberry.type
class CreateExternalUserPayload(Answer):
    """The end user just made."""

    user_id: strawberry.ID


@strawberry.input
class UpdateExternalUserInput(Asking):
    """What to change of an end user."""

    user_id: strawberry.ID
    is_test_user: bool | None = None


@strawberry.type
class UpdateExternalUserPayload(Answer):
    """The end user as they are now."""

    user: ExternalUser


@strawberry.input
class RemoveExternalUserInput(Asking):
    """An end user to forget."""

    user_id: strawberry.ID


@strawberry.type
class RemoveExternalUserPayload(Answer):
    """The end user is gone."""


@strawberry.input
class AuthorizeInput(Asking):
    """An end user to make a token for."""

    user_id: strawberry.ID


@strawberry.type
class AuthorizePayload(Answer):
    """A token to act with as this end user."""

    access_token: str
    expires_at: datetime


@strawberry.input
class GenerateAuthorizationCodeInput(Asking):
    """Somebody to let into the sign-in dialog: an end user, or the `username` the master token has at `GET /v1/me`."""

    user_id: strawberry.ID


@strawberry.type
class GenerateAuthorizationCodePayload(Answer):
    """A code for the sign-in dialog. It works once."""

    authorization_code: str
    expires_at: datetime


@strawberry.input
class CreateUserAuthenticationInput(Asking):
    """Credentials to store."""

    name: str
    service_id: str
    service_environment_id: str
    data: JsonValue = strawberry.field(
        description="Credentials and user data in one object, or that object as JSON text. "
        "What the environment's `userDataSchema` names is user data, the rest is credentials."
    )
    scopes: list[str]
    hidden: bool | None = strawberry.field(default=None, description="Has no effect: every authentication is listed.")


@strawberry.type
class CreateUserAuthenticationPayload(Answer):
    """The authentication just stored."""

    authentication_id: str


@strawberry.input
class RemoveUserAuthenticationInput(Asking):
    """An authentication to forget."""

    authentication_id: strawberry.ID


@strawberry.type
class RemoveUserAuthenticationPayload(Answer):
    """The authentication is gone."""


@strawberry.input
class CallConnectorInput(Asking):
    """A call of an operation."""

    connector: str
    version: str
    operation: str
    auth_id: str | None = None
    input: str | None = strawberry.field(
        default=None, description="The input as JSON text; an empty object if left out."
    )


@strawberry.type
class CallConnectorPayload(Answer):
    """How the call ended."""

    output: str = strawberry.field(description="The output as JSON text; for an error, what went wrong.")
    outcome: str = strawberry.field(description="`success` or `error`.")


@strawberry.type
class Mutation:
    """What can be done. Mutations of one document run one after the other; the first that fails is the last."""

    @strawberry.mutation(description="Make an end user. For the master token.")
    async def create_external_user(
        self, info: Info, asked: Input[CreateExternalUserInput]
    ) -> CreateExternalUserPayload:
        hub, caller = info.context.hub, info.context.caller
        user_id = await identity.create_end_user(
            hub, caller, asked.name, asked.external_user_id, is_test=asked.is_test_user or False
        )
        return CreateExternalUserPayload(user_id=strawberry.ID(user_id), client_mutation_id=asked.client_mutation_id)

    @strawberry.mutation(description="Change an end user. For the master token.")
    async def update_external_user(
        self, info: Info, asked: Input[UpdateExternalUserInput]
    ) -> UpdateExternalUserPayload:
        user = await end_users.change_end_user(info.context.hub, info.context.caller, asked.user_id, asked.is_test_user)
        return UpdateExternalUserPayload(user=ExternalUser.of(user), client_mutation_id=asked.client_mutation_id)

    @strawberry.mutation(
        description="Forget an end user with their authentications; their tokens stop working at once. "
        "For the master token."
    )
    async def remove_external_user(
        self, info: Info, asked: Input[RemoveExternalUserInput]
    ) -> RemoveExternalUserPayload:
        await end_users.remove_end_user(info.context.hub, info.context.caller, asked.user_id)
        return RemoveExternalUserPayload(client_mutation_id=asked.client_mutation_id)

    @strawberry.mutation(description="Make a token an end user acts with for two days. For the master token.")
    async def authorize(self, info: Info, asked: Input[AuthorizeInput]) -> AuthorizePayload:
        token = await identity.create_user_token(info.context.hub, info.context.caller, asked.user_id)
        assert token.expires_at is not None, "a user token ends"
        return AuthorizePayload(
            access_token=token.text,
            expires_at=_moment(token.expires_at),
            client_mutation_id=asked.client_mutation_id,
        )

    @strawberry.mutation(
        description="Make a code that lets somebody into the sign-in dialog once, within five minutes. "
        "For the master token."
    )
    async def generate_authorization_code(
        self, info: Info, asked: Input[GenerateAuthorizationCodeInput]
    ) -> GenerateAuthorizationCodePayload:
        code = await end_users.create_code(info.context.hub, info.context.caller, asked.user_id)
        return GenerateAuthorizationCodePayload(
            authorization_code=code.text,
            expires_at=_moment(code.expires_at),
            client_mutation_id=asked.client_mutation_id,
        )

    @strawberry.mutation(description="Store credentials. They are not tried out against the third party.")
    async def create_user_authentication(
        self, info: Info, asked: Input[CreateUserAuthenticationInput]
    ) -> CreateUserAuthenticationPayload:
        hub, caller = info.context.hub, info.context.caller
        data = read_object_of("data", asked.data)
        sorted_out = await owned.sort_out(hub, caller, asked.service_id, asked.service_environment_id, data)
        said = {"name": asked.name, "serviceEnvironmentId": asked.service_environment_id, "scopes": asked.scopes}
        wanted = read_model(NewAuthentication, orjson.dumps({**said, **sorted_out}))
        auth_id = await auths.create_auth(hub, caller, wanted)
        return CreateUserAuthenticationPayload(authentication_id=auth_id, client_mutation_id=asked.client_mutation_id)

    @strawberry.mutation(description="Forget an authentication. Calls that use it will stop working.")
    async def remove_authentication(
        self, info: Info, asked: Input[RemoveUserAuthenticationInput]
    ) -> RemoveUserAuthenticationPayload:
        await auths.delete_auth(info.context.hub, info.context.caller, asked.authentication_id)
        return RemoveUserAuthenticationPayload(client_mutation_id=asked.client_mutation_id)

    @strawberry.mutation(
        description="Run an operation. One task, like any other call; one that fails is a result, not an error."
    )
    async def call_connector(self, info: Info, asked: Input[CallConnectorInput]) -> CallConnectorPayload:
        context = info.context
        context.wait_for_a_call()
        given = {} if asked.input is None else read_object_of("input", asked.input)
        call = call_of({"operation": asked.operation, "input": given, "authId": asked.auth_id}, len(asked.input or ""))
        address = calls.Address(asked.connector, asked.version)
        async with calls.place_for_a_call(context.hub, context.caller):
            ending = await calls.call(context.hub, context.caller, address, call, context.request_id)
        return CallConnectorPayload(
            output=ending.output.decode(), outcome=ending.outcome, client_mutation_id=asked.client_mutation_id
        )


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
