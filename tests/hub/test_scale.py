"""Large organizations: long lists come whole and in order, and no request goes through all rows of a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select

from jackfield_hub.catalog.service import PIECE, changed
from jackfield_hub.hub import Hub
from jackfield_hub.services.declared import ServiceDiffers
from jackfield_hub.tables import connectors
from tests.hub.graphql import ask, create_user
from tests.hub.people import Person
from tests.hub.shop import put_in_place
from tests.hub.stored import IS_POSTGRES

LIST = "/core/v1/connectors"
AUTHS = "/core/v1/authentications"
GROWING = ("auths", "users", "tokens", "connectors", "permissions", "deployments", "workspaces")


@pytest.mark.parametrize("count", [PIECE, PIECE + 1, 2 * PIECE + 1])
async def test_a_long_list_of_connectors_comes_whole_and_in_order(hub: Hub, alice: Person, count: int) -> None:
    await put_in_place(hub, alice.organization_id, "https://example.com")
    async with hub.database.transaction(alice.organization_id) as tx:
        shop = dict(await tx.one_or_none(select(connectors)) or {})
        rows = [
            {**shop, "name": f"shop-{number // 2:05d}", "version": f"1.{number % 2}"} for number in range(count - 1)
        ]
        await tx.execute(insert(connectors), rows)
        await changed(tx, alice.organization_id)

    listed = [(one["name"], one["version"]) for one in (await alice.get(LIST)).json["elements"]]

    assert listed == [("shop", "1.0"), *((row["name"], row["version"]) for row in rows)]


@pytest.fixture
def statements() -> Generator[list[tuple[str, Any]]]:
    """Every statement that is run from now on, with its values."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, is_many: bool) -> None:
        if not is_many:
            heard.append((statement, values))

    event.listen(Engine, "before_cursor_execute", hear)
    yield heard
    event.remove(Engine, "before_cursor_execute", hear)


@pytest.mark.skipif(IS_POSTGRES, reason="Postgres goes through small tables whatever indexes they have")
async def test_no_request_goes_through_all_rows_of_a_table_that_grows(
    hub: Hub, alice: Person, statements: list[tuple[str, Any]]
) -> None:
    await put_in_place(hub, alice.organization_id, "https://example.com", sign_in='ApiKey("X-Key")')
    [environment] = (await alice.get("/core/v1/services/shop/versions/1/environments")).json["elements"]
    auth = {"name": "x", "serviceEnvironmentId": environment["id"], "credentials": {"apiKey": "k"}}
    auth_id = (await alice.post(AUTHS, auth)).json["id"]
    user_id = await create_user(alice, "eve")
    await ask(alice, "mutation($id: ID!) { authorize(input: {userId: $id}) { accessToken } }", id=user_id)
    await ask(alice, "{ viewer { details { name } authentications(first: 1) { edges { node { id } } } } }")
    await ask(alice, '{ users(first: 1, criteria: {externalUserId: "eve"}) { edges { cursor } } }')
    await ask(alice, "{ users(first: 1) { edges { cursor } } }")
    paths = (LIST, f"{LIST}/shop/versions/1.0/operations", f"{AUTHS}/{auth_id}", "/v1/me", "/core/v1/users")
    for path in (*paths, "/core/v1/users?email=x@example.com", "/core/v1/workspaces?first=1", "/v1/tokens"):
        assert (await alice.get(path)).status == 200, path
    with pytest.raises(ServiceDiffers):
        await put_in_place(hub, alice.organization_id, "https://elsewhere.example", sign_in='ApiKey("X-Key")')
    await ask(alice, "mutation($id: ID!) { removeExternalUser(input: {userId: $id}) { clientMutationId } }", id=user_id)

    assert len(statements) > 50
    with closing(sqlite3.connect(hub.settings.database_url.removeprefix("sqlite:///"))) as connection:
        for statement, values in statements:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert not [step for step in plan for table in GROWING if step == f"SCAN {table}"], (statement, plan)
