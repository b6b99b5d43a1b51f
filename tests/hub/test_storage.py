"""Storage in a hub: whose it is, two at once, limits, time, and what a crash leaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import pytest

from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from jackfield_hub.storage.sweep import STORAGE, sweep
from tests.conftest import Ground
from tests.hub import graphql
from tests.hub.connectors import until
from tests.hub.people import Person, caller_of, end_user, member
from tests.hub.shop import put_in_place
from tests.hub.stored import stored, stored_values

PERMISSIONS = "/cdk/v1/permissions/connectors/shop/versions/1.0"
REMOVE = "mutation($id: ID!) { removeExternalUser(input: {userId: $id}) { clientMutationId } }"
CODE = '''
"""Everything one can do with storage."""

from dataclasses import dataclass, field
from typing import Any

from jackfield import AsyncStorage, Http, Storage

from {package}.connector import shop


@dataclass
class Asked:
    method: str
    given: list[Any] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    user: bool = False
    workspace: str | None = None


@shop.operation
def ask(asked: Asked, storage: Storage) -> dict:
    """Use one of storage's methods."""
    place = storage.of_user() if asked.user else storage
    place = storage.of_workspace(asked.workspace) if asked.workspace is not None else place
    got = getattr(place, asked.method)(*asked.given, **asked.said)
    return {{"got": [*got] if asked.method == "keys" else got}}


@shop.operation
async def fill(asked: Asked, storage: AsyncStorage) -> dict:
    """Use storage several times."""
    return {{"got": [await storage.add(key) for key in asked.given]}}


@shop.operation
def forge(asked: Asked, storage: Storage) -> dict:
    """Say more to the hub than the kit would."""
    return {{"got": storage._ask(asked.method, *asked.given, **asked.said)}}
'''


@pytest.fixture
async def connectors(hub: Hub, ground: Ground) -> None:
    """The same connector for Alice and for Charlie."""
    for organization in (ground.alices, ground.charlies):
        await put_in_place(hub, organization.id, "", code=CODE)


@pytest.fixture
def alices(connectors: None, alice: Person) -> Person:
    return alice


async def outcome(person: Person, method: str, *given: Any, connector: str = "shop", **more: Any) -> Any:
    """Return what came of using a method of storage in a call."""
    operation = more.pop("operation", "ask")
    asked = {"method": method, "given": given, **more}
    called = await person.post(
        f"/core/v1/connectors/{connector}/versions/1.0/call", {"operation": operation, "input": asked}
    )
    assert called.status == 200, called.json
    return called.json


async def ask(person: Person, method: str, *given: Any, **more: Any) -> Any:
    """Return what a method of storage returned."""
    ended = await outcome(person, method, *given, **more)
    assert ended["outcome"] == "success", ended
    return ended["output"]["got"]


async def refusal(person: Person, method: str, *given: Any, **more: Any) -> tuple[str, str]:
    """Return kind and message of the error that a method of storage raised."""
    ended = await outcome(person, method, *given, **more)
    assert ended["outcome"] == "error", ended
    return ended["output"]["kind"], ended["output"]["message"]


async def colleague(hub: Hub, alice: Person, name: str) -> Person:
    """Return a member of Alice's organization who may call her connector."""
    person = await member(hub, alice, name)
    shared = await alice.post(f"{PERMISSIONS}/share-with-emails", {"emails": [f"{name}@example.com"]})
    assert shared.status == 200, shared.json
    return person


async def test_what_one_call_keeps_the_next_one_finds(alices: Person, bob: Person):
    assert await ask(alices, "set", "plan", {"a": [1, None]}) == 1
    assert await ask(bob, "get", "plan") == {"a": [1, None]}
    assert await ask(alices, "append", "log", "x") == 1
    assert await ask(alices, "append", "log", "y", said={"keep_last": 1}) == 1
    assert await ask(alices, "keys") == ["log", "plan"]
    assert await ask(alices, "keys", "p") == ["plan"]
    assert await ask(alices, "pop", "log") == "y"
    assert await ask(alices, "delete", "plan") is True
    assert await ask(alices, "get", "plan", "nothing") == "nothing"
    assert await ask(alices, "", "a", "b", "a", operation="fill") == [1, 1, 2]


async def test_a_queue_gives_first_what_came_first(alices: Person):
    assert [await ask(alices, "push", "orders", number) for number in range(3)] == [1, 2, 3]

    assert [await ask(alices, "take", "orders", "empty") for _ in range(4)] == [0, 1, 2, "empty"]


async def test_a_condition_holds_at_the_hub(alices: Person):
    first = await ask(alices, "set", "lock", "mine", said={"if_absent": True})

    assert await ask(alices, "set", "lock", "yours", said={"if_absent": True}) is None
    assert await ask(alices, "set", "lock", "still mine", said={"if_version": first}) == first + 1
    assert await ask(alices, "set", "lock", "late", said={"if_version": first}) is None
    assert await ask(alices, "get", "lock") == "still mine"


async def test_organizations_do_not_meet(alices: Person, charlie: Person, bob: Person):
    for place in ({}, {"user": True}):
        await ask(bob if place else alices, "set", "key", "alice's", **place)
        await ask(bob if place else alices, "push", "queue", "alice's", **place)

    assert await ask(charlie, "keys") == []
    assert await ask(charlie, "get", "key") is None
    assert await ask(charlie, "take", "queue") is None
    assert await ask(charlie, "set", "key", "charlie's", said={"if_absent": True})
    assert await ask(alices, "get", "key") == "alice's"


async def test_connectors_do_not_meet_and_versions_do(hub: Hub, alices: Person):
    await put_in_place(hub, alices.organization_id, "", name="other", code=CODE)
    await ask(alices, "set", "key", "the shop's")

    assert await ask(alices, "get", "key", connector="other") is None


async def test_users_do_not_meet(hub: Hub, alices: Person, bob: Person):
    ann = await end_user(hub, alices, "ann")
    otto = await colleague(hub, alices, "otto")
    for name, person in (("ann", ann), ("bob", bob), ("otto", otto)):
        await ask(person, "set", "name", name, user=True)
    await ask(alices, "set", "name", "everybody's")

    assert await ask(ann, "get", "name", user=True) == "ann"
    assert await ask(bob, "get", "name", user=True) == "bob"
    assert await ask(otto, "get", "name", user=True) == "otto"
    assert await ask(bob, "get", "name") == "everybody's"


async def test_an_organization_is_no_user(alices: Person):
    kind, message = await refusal(alices, "get", "name", user=True)

    assert kind == "InvalidInput"
    assert "Call with a user's token" in message


async def test_a_workspace_is_for_those_who_may_see_it(hub: Hub, alices: Person, bob: Person, charlie: Person):
    inside, outside = [await colleague(hub, alices, name) for name in ("ines", "otto")]
    team = (await alices.post("/v1/workspaces", {"name": "Team"})).json["id"]
    roles = (await alices.get(f"/core/v1/workspaces/{team}/roles")).json["elements"]
    ines = (await inside.get("/v1/me")).json["id"]
    added = await alices.post(f"/core/v1/workspaces/{team}/users", {"userId": ines, "roleId": roles[-1]["id"]})
    assert added.status == 200

    await ask(inside, "set", "plan", "ours", workspace=team)

    assert await ask(alices, "get", "plan", workspace=team) == "ours"
    refusals = [
        await refusal(person, "get", "plan", workspace=place)
        for person, place in ((outside, team), (bob, team), (charlie, team), (alices, "no-such"), (alices, ""))
    ]
    assert {kind for kind, _ in refusals} == {"InvalidInput"}
    assert len({message for _, message in refusals}) == 1, "nobody learns whether there is such a workspace"


async def test_what_belongs_to_everybody_in_the_organization_is_not_for_its_end_users(
    hub: Hub, alices: Person, bob: Person
):
    workspaces = {one["type"]: one["id"] for one in (await alices.get("/core/v1/workspaces")).json["elements"]}

    assert (await refusal(bob, "get", "x", workspace=workspaces["Organization"]))[0] == "InvalidInput"
    assert await ask(bob, "set", "x", 1, workspace=workspaces["Embedded"])
    assert await ask(await colleague(hub, alices, "otto"), "set", "x", 1, workspace=workspaces["Organization"])


@pytest.mark.parametrize("said", [{"organization_id": "other"}, {"connector": "other"}, {"scope": "everybody"}])
async def test_code_cannot_say_whose_storage_it_is(alices: Person, said: dict[str, Any]):
    assert (await refusal(alices, "get", "key", said=said, operation="forge"))[0] == "InvalidInput"


async def test_fifty_increments_at_once_count_fifty(alices: Person):
    numbers = await asyncio.gather(*(ask(alices, "add", "visits") for _ in range(50)))

    assert sorted(numbers) == [*range(1, 51)]
    assert await ask(alices, "get", "visits") == 50


async def test_of_fifty_who_want_a_lock_one_gets_it(alices: Person):
    got = await asyncio.gather(*(ask(alices, "set", "lock", n, said={"if_absent": True}) for n in range(50)))

    assert sum(version is not None for version in got) == 1


async def test_twenty_takers_get_everything_once(alices: Person):
    await asyncio.gather(*(ask(alices, "push", "orders", number) for number in range(50)))

    async def take_all() -> list[int]:
        taken: list[int] = []
        while (number := await ask(alices, "take", "orders")) is not None:
            taken.append(number)
        return taken

    taken = await asyncio.gather(*(take_all() for _ in range(20)))

    assert Counter(number for some in taken for number in some) == Counter(range(50))


async def test_a_busy_organization_keeps_no_other_one_waiting(hub: Hub, alices: Person, charlie: Person):
    await ask(charlie, "add", "visits")
    await ask(alices, "add", "visits")

    def visits() -> int:
        """Return how often Alice's connector has added."""
        count = "SELECT max(version) FROM stored_values WHERE organization_id = $1"
        return stored_values(hub.settings, count, alices.organization_id)[0][0]

    busy = [asyncio.create_task(ask(alices, "", *("visits",) * 10, operation="fill")) for _ in range(100)]
    await until(lambda: visits() > 100)

    before = visits()
    await ask(charlie, "add", "visits")
    meanwhile = visits() - before

    assert meanwhile < 50, "Charlie was behind all of Alice's, who always wants a hundred things at once"
    await asyncio.gather(*busy)


async def test_what_is_over_is_not_there_and_later_gone(hub: Hub, alices: Person):
    clock = hub.clock
    await ask(alices, "set", "short", "x" * 100, said={"for_seconds": 10})
    await ask(alices, "push", "queue", "x" * 100, said={"for_seconds": 10})
    await ask(alices, "set", "long", 1)
    hub.clock = lambda: clock() + 11

    assert await ask(alices, "get", "short") is None
    assert await ask(alices, "keys") == ["long"]
    assert await ask(alices, "take", "queue") is None
    assert stored_values(hub.settings, "SELECT count(*) FROM jobs WHERE kind = $1", STORAGE.job) == [(1,)]
    assert stored_values(hub.settings, "SELECT entries, bytes FROM storages") == [(3, 205)]
    assert await sweep(hub) == 2
    assert stored_values(hub.settings, "SELECT entries, bytes FROM storages") == [(1, 1)]
    assert await ask(alices, "get", "long") == 1


async def test_somebody_sweeps_as_long_as_anything_will_be_over(hub: Hub, alices: Person):
    clock = hub.clock
    await ask(alices, "set", "short", 1, said={"for_seconds": 10})
    await ask(alices, "push", "queue", 1, said={"for_seconds": 1000})
    kept, jobs = "SELECT entries FROM storages", "SELECT count(*) FROM jobs WHERE kind = $1 AND fence = 0"

    hub.clock = lambda: clock() + 11
    stored(hub.settings, "UPDATE jobs SET run_after = 0 WHERE kind = $1", STORAGE.job)
    await until(lambda: stored_values(hub.settings, kept) == [(1,)])
    await until(lambda: stored_values(hub.settings, jobs, STORAGE.job) == [(1,)])

    hub.clock = lambda: clock() + 1001
    stored(hub.settings, "UPDATE jobs SET run_after = 0 WHERE kind = $1", STORAGE.job)
    await until(lambda: stored_values(hub.settings, kept) == [(0,)])
    await until(lambda: stored_values(hub.settings, jobs.replace(" AND fence = 0", ""), STORAGE.job) == [(0,)])


async def test_what_is_kept_for_a_user_goes_with_the_user(hub: Hub, alices: Person, bob: Person):
    await ask(bob, "set", "name", "bob", user=True)
    await ask(bob, "push", "queue", "bob", user=True)
    await ask(alices, "set", "name", "everybody's")
    bobs_id = (await caller_of(hub, bob)).user_id

    await graphql.ask(alices, REMOVE, id=bobs_id)

    assert stored_values(hub.settings, "SELECT count(*) FROM storages") == [(1,)]
    assert stored_values(hub.settings, "SELECT count(*) FROM queued_values") == [(0,)]


class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        limits = {"max_stored_values": 3, "max_stored_value_bytes": 1000, "max_organization_storage_bytes": 2500}
        return settings.model_copy(update=limits)

    async def test_a_value_has_a_largest_size(self, alices: Person):
        assert await ask(alices, "set", "key", "x" * 998)

        assert (await refusal(alices, "set", "key", "x" * 999))[0] == "TooLarge"
        assert (await refusal(alices, "push", "key", "x" * 100_000))[0] == "TooLarge"
        await ask(alices, "append", "list", "x" * 900)
        assert (await refusal(alices, "append", "list", "x" * 100))[0] == "TooLarge"
        assert await ask(alices, "get", "list") == ["x" * 900]

    async def test_a_storage_has_so_many_values_and_what_is_over_makes_room(
        self, hub: Hub, alices: Person, bob: Person
    ):
        clock = hub.clock
        await ask(alices, "set", "a", 1, said={"for_seconds": 10})
        await ask(alices, "push", "queue", 1)
        await ask(alices, "set", "c", 1)

        for method in ("set", "push", "append"):
            kind, message = await refusal(alices, method, "d", 1)
            assert (kind, message) == ("StorageFull", "3 values are kept here already. Delete some first.")
        assert await ask(alices, "set", "c", 2), "there is room for changes"
        assert await ask(bob, "set", "a", 1, user=True), "others have room of their own"
        hub.clock = lambda: clock() + 11
        assert await ask(alices, "set", "d", 1)

    async def test_an_organization_has_so_many_bytes(self, alices: Person, bob: Person, charlie: Person):
        await ask(alices, "set", "a", "x" * 990)
        await ask(bob, "set", "b", "x" * 990, user=True)

        assert (await refusal(alices, "set", "c", "x" * 990))[0] == "StorageFull"
        assert await ask(alices, "get", "c") is None
        assert await ask(charlie, "set", "c", "x" * 990)
        await ask(alices, "delete", "a")
        assert await ask(alices, "set", "c", "x" * 990)


async def test_a_call_says_that_the_database_is_away(hub: Hub, alices: Person, door: aiohttp.ClientSession):
    asked = {"operation": "ask", "input": {"method": "get", "given": ["key"]}}
    while True:  # as long as the hub hears of what was just deployed, it forgets it, and cannot look it up
        await ask(alices, "set", "key", 1)
        hub.database.fall_silent()
        called = await alices.post("/core/v1/connectors/shop/versions/1.0/call", asked)
        hub.database.speak()
        if called.status == 200:
            break

    output = called.json["output"]
    assert (output["kind"], output["message"]) == (
        "PlatformError",
        "The database does not answer; try again in a moment.",
    )
