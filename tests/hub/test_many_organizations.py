"""Five hundred organizations that have things of the same names, made in any order: each sees its own, and all of it.

Whatever an organization has is marked with the organization. An answer with anybody else's mark in it is a leak.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from sqlalchemy import Table, select

from jackfield_hub import tables
from jackfield_hub.app import ROUTERS
from jackfield_hub.auths.sealing import newest_data_key, seal_json
from jackfield_hub.auths.shapes import AuthState
from jackfield_hub.auths.vault import SealedKey, Vault
from jackfield_hub.calls.shapes import Task, TaskOutcome
from jackfield_hub.database import Transaction
from jackfield_hub.hub import Hub
from jackfield_hub.identity.service import store_token
from jackfield_hub.identity.shapes import CallerKind, Role, UserKind
from jackfield_hub.identity.tokens import NewToken, make_token
from jackfield_hub.ids import new_uuid7
from tests.hub.graphql import send
from tests.hub.people import Person
from tests.hub.shop import put_in_place

ORGANIZATIONS = 500
LOOKED_AT = 20
MARK = re.compile(rb"of-([0-9a-f]{12})")
USERS = "{ users(first: %d%s) { edges { node { id name externalUserId } } pageInfo { endCursor hasNextPage } } }"
AUTHS = "{ viewer { authentications { edges { node { id name service { title } } } } } }"


@dataclass
class House:
    """One organization: what it has, how much of it, and who may ask."""

    id: str = field(default_factory=lambda: str(uuid4()))
    mark: str = field(default_factory=lambda: uuid4().hex[:12])
    master: NewToken = field(default_factory=lambda: make_token(CallerKind.MASTER))
    end_user: NewToken = field(default_factory=lambda: make_token(CallerKind.END_USER))
    has: Counter[str] = field(default_factory=Counter[str])
    ids: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def name(self) -> str:
        return f"of-{self.mark}"

    def one_more(self, kind: str) -> str:
        """Return the id of another thing of this kind."""
        self.has[kind] += 1
        self.ids.setdefault(kind, []).append(new_uuid7())
        return self.ids[kind][-1]


Row = tuple[Table, dict[str, Any]]


@dataclass
class Street:
    """All houses, as a hub knows them."""

    houses: list[House]
    door: aiohttp.ClientSession

    def master_of(self, house: House) -> Person:
        return Person(self.door, house.id, house.master.text)

    def end_user_of(self, house: House) -> Person:
        return Person(self.door, house.id, house.end_user.text)


@pytest.fixture
async def street(hub: Hub, alice: Person, door: aiohttp.ClientSession) -> Street:
    """Build all houses at once, a stone here and a stone there."""
    await put_in_place(hub, alice.organization_id, "https://shop.example", title="of-000000000000")
    chance, houses = random.Random(33), [House() for _ in range(ORGANIZATIONS)]
    async with hub.database.transaction() as tx:
        connector = dict(await tx.one_or_none(select(tables.connectors)) or {})
        service = dict(await tx.one_or_none(select(tables.services)) or {})
        environment = dict(await tx.one_or_none(select(tables.service_environments)) or {})
        now = hub.clock()
        named = [{"id": one.id, "name": one.name, "created_at": now} for one in houses]
        await _insert(tx, [(tables.organizations, row) for row in named])
        keys = {one.id: await newest_data_key(hub.vault, tx, one.id, now) for one in houses}
        first: list[Row] = []
        second: list[Row] = []
        third: list[Row] = []
        for house in houses:
            first += _people(house, chance, now)
            service_id, environment_id = house.one_more("service"), house.one_more("environment")
            first.append((tables.services, {**service, **_of(house, service_id), "title": house.name, "name": "shop"}))
            copied = {**environment, **_of(house, environment_id), "service_id": service_id}
            second.append((tables.service_environments, copied))
            copied = {**connector, "organization_id": house.id, "service_id": service_id, "title": house.name}
            copied["manifest"] = connector["manifest"].replace(b"of-000000000000", house.name.encode())
            second.append((tables.connectors, copied))
            second += [(tables.deployments, _deployment(house, chance, now)) for _ in range(chance.randint(1, 3))]
            third += [
                (tables.auths, _auth(house, environment_id, hub.vault, keys[house.id], now))
                for _ in range(chance.randint(0, 3))
            ]
        for rows in (first, second, third):
            chance.shuffle(rows)
            await _insert(tx, rows)
        for house in chance.sample(houses, len(houses)):
            await store_token(tx, house.master, organization_id=house.id, user_id=None, name=house.name, now=now)
            await store_token(
                tx, house.end_user, organization_id=house.id, user_id=house.ids["user"][0], name=house.name, now=now
            )
    tasks = [_task(house, now) for house in houses for _ in range(chance.randint(0, 4))]
    chance.shuffle(tasks)
    await asyncio.gather(*(hub.ledger.record(task) for task in tasks))
    return Street(houses, door)


async def _insert(tx: Transaction, rows: Sequence[Row]) -> None:
    """Insert rows in this order."""
    for table, row in rows:
        await tx.execute(table.insert().values(**row))


def _of(house: House, row_id: str) -> dict[str, Any]:
    return {"id": row_id, "organization_id": house.id}


def _people(house: House, chance: random.Random, now: float) -> list[Row]:
    rows: list[Row] = []
    for number in range(chance.randint(1, 5)):
        who = {"name": house.name, "external_id": f"customer-{number}", "kind": UserKind.END_USER, "created_at": now}
        rows.append((tables.users, {**_of(house, house.one_more("user")), **who}))
    for number in range(chance.randint(1, 3)):
        who = {"name": house.name, "email": f"ann-{number}@example.com", "kind": UserKind.MEMBER, "role": Role.VIEWER}
        rows.append((tables.users, {**_of(house, house.one_more("member")), **who, "created_at": now}))
    for _ in range(chance.randint(1, 3)):
        what = {"name": house.name, "type": "Shared", "created_at": now}
        rows.append((tables.workspaces, {**_of(house, house.one_more("workspace")), **what}))
    return rows


def _deployment(house: House, chance: random.Random, now: float) -> dict[str, Any]:
    said = {"connector_name": "shop", "connector_version": "1.0", "source_digest": "sha256:0", "attempt": 1}
    ended = {"state": chance.choice(["Deployed", "Failed"]), "reason": house.name, "created_at": now}
    return {**_of(house, house.one_more("deployment")), **said, **ended}


def _auth(house: House, environment_id: str, vault: Vault, key: SealedKey, now: float) -> dict[str, Any]:
    auth_id = house.one_more("auth")
    secret = {"secret": house.name}
    sealed = {field: seal_json(vault, key, auth_id, field, secret) for field in ("user_data", "credentials")}
    said = {"service_environment_id": environment_id, "key_id": key.key_id, "name": house.name, "scopes": []}
    numbers = {"state": AuthState.ACTIVE, "version": 0, "refresh_fence": 0, "created_at": now, "updated_at": now}
    return {**_of(house, auth_id), **said, **sealed, **numbers}


def _task(house: House, now: float) -> Task:
    return Task(
        task_id=house.one_more("call"),
        organization_id=house.id,
        connector="shop",
        version="1.0",
        operation=house.name,
        auth_id=None,
        caller_kind="master",
        user_id=None,
        outcome=TaskOutcome.SUCCESS,
        error_code=None,
        started_at=now,
        milliseconds=1.0,
        request_id=house.name,
    )


def lists() -> list[str]:
    """Return every address that is read without naming anything: a new one is looked at without being named here."""
    routes: list[Any] = [route for router in ROUTERS for route in router.routes]
    return sorted({route.path for route in routes if "GET" in route.methods and "{" not in route.path})


NAMED = (
    "/core/v1/connectors/shop/versions/1.0/operations",
    "/core/v1/services/shop/versions/1/environments",
    "/v1/services/shop/versions/1",
    "/cdk/v1/deployments/connectors/shop/versions/1.0/latest",
    "/internal/v1/connectors/shop/versions/1.0/deployments/latest",
    "/core/v1/users?email=ann-0@example.com",
    "/v1/calls?connector=shop",
    "/v1/usage?by=operation&by=connector",
)


async def test_every_organization_sees_what_it_has_and_nothing_else(street: Street) -> None:
    await check_lists_pages_and_counts(street)
    await check_pages_of_graphql(street)
    await check_that_anothers_cursor_id_or_name_leads_nowhere(street)


async def check_lists_pages_and_counts(street: Street) -> None:
    for house in random.Random(1).sample(street.houses, LOOKED_AT):
        person = street.master_of(house)

        for path in (*lists(), *NAMED):
            answer = await person.get(path)
            assert marks_in(answer.body) <= {house.mark}, path
            assert path not in NAMED or answer.status == 200, (path, answer.body)

        assert await all_of(person, "/core/v1/users") == house.has["member"]
        assert await all_of(person, "/core/v1/workspaces") == house.has["workspace"]
        assert await all_of(person, "/v1/calls") == house.has["call"]
        assert (await person.get("/v1/usage")).json["tasks"] == house.has["call"]
        assert len((await person.get("/core/v1/connectors")).json["elements"]) == 1
        latest = (await person.get("/cdk/v1/deployments/connectors/shop/versions/1.0/latest")).json
        assert latest["id"] in house.ids["deployment"]


async def check_pages_of_graphql(street: Street) -> None:
    for house in random.Random(2).sample(street.houses, LOOKED_AT):
        found: list[str] = []
        after = ""
        while True:
            answer = await send(street.master_of(house), USERS % (2, after))
            assert marks_in(answer.body) <= {house.mark}
            page = answer.json["data"]["users"]
            found += [edge["node"]["id"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = f', after: "{page["pageInfo"]["endCursor"]}"'
        assert sorted(found) == sorted(house.ids["user"])

        for person, count in ((street.master_of(house), house.has["auth"]), (street.end_user_of(house), 0)):
            answer = await send(person, AUTHS)
            assert marks_in(answer.body) <= {house.mark}
            assert len(answer.json["data"]["viewer"]["authentications"]["edges"]) == count


async def check_that_anothers_cursor_id_or_name_leads_nowhere(street: Street) -> None:
    chance = random.Random(3)
    for house, other in zip(*[iter(chance.sample(street.houses, 2 * LOOKED_AT))] * 2, strict=True):
        person = street.master_of(house)
        theirs = (await street.master_of(other).get("/core/v1/users?first=1")).json["pageInfo"]["endCursor"]
        paths = [
            f"/core/v1/users?first=100&cursor={theirs}",
            f"/core/v1/workspaces?cursor={theirs}",
            *(f"/v1/calls?cursor={call_id}" for call_id in other.ids.get("call", [])),
            *(f"/v1/calls/{call_id}" for call_id in other.ids.get("call", [])),
            *(f"/v1/calls?userId={user_id}" for user_id in other.ids["user"]),
            *(f"/core/v1/authentications/{auth_id}" for auth_id in other.ids.get("auth", [])),
            f"/cdk/v1/deployments/connectors/shop/versions/1.0/{other.ids['deployment'][0]}",
        ]
        for path in paths:
            assert marks_in((await person.get(path)).body) <= {house.mark}, path
        asked = f'{{ users(criteria: {{userId: "{other.ids["user"][0]}"}}) {{ edges {{ node {{ id name }} }} }} }}'
        assert (await send(person, asked)).json["data"]["users"]["edges"] == []


def marks_in(body: bytes) -> set[str]:
    return {mark.decode() for mark in MARK.findall(body)}


async def all_of(person: Person, path: str) -> int:
    """Walk through a list two at a time and return how many there are."""
    count, cursor = 0, ""
    while True:
        answer = await person.get(f"{path}?first=2{cursor}")
        assert len(marks_in(answer.body)) <= 1
        page = answer.json
        count += len(page.get("elements", []))
        if not page["pageInfo"]["hasNextPage"]:
            return count
        cursor = f"&cursor={page['pageInfo']['endCursor']}"
