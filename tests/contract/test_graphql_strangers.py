"""Every id that can be said in GraphQL, said by everybody: the table is held against the schema.

A new field or mutation that takes an id fails here until it has its row.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from graphql import GraphQLNamedType, GraphQLObjectType, get_named_type, is_input_object_type, is_object_type

from jackfield_hub.graphql.schema import schema
from jackfield_hub.hub import Hub
from tests.contract.conftest import Shop, create_auth
from tests.hub.graphql import send
from tests.hub.people import Person, end_user

DENIED, NO_USER, NO_THING = "access_not_allowed", "user_does_not_exist", "resource_does_not_exist"
OUT = "401"
FOUND, NOTHING, DONE = "found", "nothing", "done"
NOBODY = {"revoked": OUT, "nobody": OUT}


@dataclass(frozen=True)
class Row:
    """One document that names something of Alice's organization, and what everybody is told."""

    document: str
    told: dict[str, str]


def of_a_user(document: str) -> Row:
    """What the organization alone does with its end users."""
    return Row(
        document,
        {
            "stranger": NO_USER,
            "stranger's user": DENIED,
            "program": DENIED,
            "another user": DENIED,
            "user": DENIED,
            **NOBODY,
            "master": DONE,
        },
    )


def of_a_list(document: str) -> Row:
    """End users, looked for by an id: a stranger finds nothing, like anybody who looks for what is not there."""
    return Row(document, {**of_a_user("").told, "stranger": NOTHING, "master": FOUND})


USERS = "{ users(criteria: {%s}) { edges { node { id } } } }"
TABLE: dict[str, Row] = {
    "Query.users(criteria.userId)": of_a_list(USERS % 'userId: "<user>"'),
    "Query.users(criteria.externalUserId)": of_a_list(USERS % 'externalUserId: "bob"'),
    "Mutation.createExternalUser(input.externalUserId)": Row(
        'mutation { createExternalUser(input: {name: "Bob", externalUserId: "bob"}) { userId } }',
        # In another organization the same external id is somebody else.
        {**of_a_user("").told, "stranger": DONE, "master": "user_already_exists"},
    ),
    "Mutation.updateExternalUser(input.userId)": of_a_user(
        'mutation { updateExternalUser(input: {userId: "<user>", isTestUser: true}) { user { id } } }'
    ),
    "Mutation.authorize(input.userId)": of_a_user('mutation { authorize(input: {userId: "<user>"}) { accessToken } }'),
    "Mutation.generateAuthorizationCode(input.userId)": of_a_user(
        'mutation { generateAuthorizationCode(input: {userId: "<user>"}) { authorizationCode } }'
    ),
    **dict.fromkeys(
        (
            "Mutation.createUserAuthentication(input.serviceId)",
            "Mutation.createUserAuthentication(input.serviceEnvironmentId)",
        ),
        Row(
            'mutation { createUserAuthentication(input: {name: "x", serviceId: "<service>", serviceEnvironmentId: '
            '"<environment>", scopes: [], data: {server: "http://127.0.0.1", apiKey: "k"}}) { authenticationId } }',
            {
                "stranger": NO_THING,
                "stranger's user": NO_THING,
                "program": DONE,
                "another user": DONE,
                "user": DONE,
                **NOBODY,
                "master": DONE,
            },
        ),
    ),
    "Mutation.removeAuthentication(input.authenticationId)": Row(
        'mutation { removeAuthentication(input: {authenticationId: "<auth>"}) { clientMutationId } }',
        {
            "stranger": NO_THING,
            "stranger's user": NO_THING,
            "program": DENIED,
            "master": DENIED,
            "another user": DENIED,
            **NOBODY,
            "user": DONE,
        },
    ),
    "Mutation.callConnector(input.authId)": Row(
        'mutation { callConnector(input: {connector: "shop", version: "1.0", operation: "send_message", '
        'authId: "<auth>", input: "{\\"channel\\": \\"alpha\\"}"}) { output } }',
        {
            "stranger": NO_THING,
            "stranger's user": NO_THING,
            "program": NO_THING,  # the connector is not shared with it
            "master": DENIED,
            "another user": DENIED,
            **NOBODY,
            "user": DONE,
        },
    ),
    # The last one: it takes the user away.
    "Mutation.removeExternalUser(input.userId)": of_a_user(
        'mutation { removeExternalUser(input: {userId: "<user>"}) { clientMutationId } }'
    ),
}
NOT_NAMES_OF_THINGS = {"clientMutationId"}


def ids_in_the_schema() -> Iterator[str]:
    """Yield every place of the schema where an id can be said: `Mutation.authorize(input.userId)`."""
    types = schema._schema.type_map  # pyright: ignore[reportPrivateUsage]
    for kind in types.values():
        if is_object_type(kind) and not kind.name.startswith("__"):
            yield from _ids_of(kind)


def _ids_of(kind: GraphQLObjectType) -> Iterator[str]:
    for name, field in kind.fields.items():
        for argument, about in field.args.items():
            for path in _ids_below(argument, get_named_type(about.type)):
                yield f"{kind.name}.{name}({path})"


def _ids_below(path: str, kind: GraphQLNamedType) -> Iterator[str]:
    if is_input_object_type(kind):
        for name, field in kind.fields.items():
            if name not in NOT_NAMES_OF_THINGS:
                yield from _ids_below(f"{path}.{name}", get_named_type(field.type))
    elif kind.name == "ID" or path.lower().endswith(("id", "ids")):
        yield path


@pytest.fixture
async def everybody(hub: Hub, shop: Shop, bob: Person, ann: Person, charlie: Person) -> dict[str, Person]:
    removed = await end_user(hub, shop.owner, "removed")
    removed_id = (await removed.get("/v1/me")).json["id"]
    await send(shop.owner, f'mutation {{ removeExternalUser(input: {{userId: "{removed_id}"}}) {{ __typename }} }}')
    return {
        "master": shop.owner,
        "program": shop.owner.program,
        "user": bob,
        "another user": ann,
        "stranger": charlie,
        "stranger's user": await end_user(hub, charlie, "charlie's"),
        "revoked": removed,
        "nobody": replace(bob, token=""),
    }


def test_every_id_of_the_schema_has_its_row() -> None:
    assert set(ids_in_the_schema()) == set(TABLE)


async def test_everybody_is_told_what_the_table_says(shop: Shop, everybody: dict[str, Person]) -> None:
    for place, row in TABLE.items():
        things = await _things_of(everybody["user"], shop)

        told = {who: await _told(everybody[who], _filled(row.document, things)) for who in row.told}

        assert told == row.told, place


async def test_whoever_must_not_know_of_a_thing_is_told_the_same_of_one_that_is_not_there(
    shop: Shop, everybody: dict[str, Person]
) -> None:
    things = await _things_of(everybody["user"], shop)
    missing = {name: str(uuid.uuid4()) for name in things}

    for place, row in TABLE.items():
        for who in ("stranger", "stranger's user") if "<" in row.document else ():
            there = await _words(everybody[who], row.document, things)
            assert there == await _words(everybody[who], row.document, missing), (place, who)


async def _things_of(bob: Person, shop: Shop) -> dict[str, str]:
    """Return the ids of what Bob has and uses; the auth is a new one every time."""
    [environment] = (await bob.get("/core/v1/services/shop/versions/4/environments")).json["elements"]
    [connector] = (await shop.owner.get("/core/v1/connectors")).json["elements"]
    return {
        "user": (await bob.get("/v1/me")).json["id"],
        "auth": await create_auth(bob, shop.third_party),
        "environment": environment["id"],
        "service": connector["service"]["id"],
    }


def _filled(document: str, things: dict[str, str]) -> str:
    for name, thing_id in things.items():
        document = document.replace(f"<{name}>", thing_id)
    return document


async def _told(person: Person, document: str) -> str:
    answer = await send(person, document)
    if answer.status != 200:
        return str(answer.status)
    if "errors" in answer.json:
        return answer.json["errors"][0]["extensions"]["code"]
    if "users" in answer.json["data"]:
        return FOUND if answer.json["data"]["users"]["edges"] else NOTHING
    return DONE


async def _words(person: Person, document: str, things: dict[str, str]) -> Any:
    answer = await send(person, _filled(document, things))
    said = answer.json
    for error in said.get("errors", []):
        error["extensions"].pop("time_thrown")
        for name, thing_id in things.items():
            error["message"] = error["message"].replace(thing_id, f"<{name}>").replace(thing_id[:50], f"<{name}>")
    return said
