"""Looking up calls and counting them: who finds what, page by page, and what goes when its time is over."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from jackfield_hub.calls.history import store, sweep
from jackfield_hub.calls.history.shapes import DAY_SECONDS, first_id_at
from jackfield_hub.calls.shapes import Task, TaskOutcome
from jackfield_hub.hub import Hub
from jackfield_hub.identity.shapes import Role
from jackfield_hub.settings import Settings
from tests.hub.people import Person, caller_of, end_user, member
from tests.hub.shop import KEY, ThirdParty, put_in_place, third_party
from tests.hub.stored import all_that_is_stored, stored

CALL = "/core/v1/connectors/shop/versions/1.0/call"
NOBODYS = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def shop(hub: Hub, alice: Person) -> AsyncGenerator[ThirdParty]:
    async with third_party() as shop:
        await put_in_place(hub, alice.organization_id, shop.url)
        yield shop


async def call(person: Person, operation: str = "get_product", **given: Any) -> str:
    """Call an operation of the shop; return the id of the request."""
    answer = await person.post(CALL, {"operation": operation, "input": given})
    assert answer.status == 200, answer.body
    return answer.headers["X-Request-Id"]


async def found(person: Person, query: str = "") -> list[Any]:
    answer = await person.get(f"/v1/calls?{query}")
    assert answer.status == 200, answer.body
    return answer.json["elements"]


def a_task(organization_id: str, at: float, number: int = 0, **more: Any) -> Task:
    """A call that was stored at this moment."""
    task_id = first_id_at(at)[:-12] + f"{number:012x}"
    task = Task(
        task_id=task_id,
        organization_id=organization_id,
        connector="shop",
        version="1.0",
        operation="get_product",
        auth_id=None,
        caller_kind="master",
        user_id=None,
        outcome=TaskOutcome.SUCCESS,
        error_code=None,
        started_at=at,
        milliseconds=1.0,
        request_id=f"request-{number}",
    )
    return replace(task, **more)


async def record(hub: Hub, *tasks: Task) -> None:
    for task in tasks[:-1]:
        hub.ledger.enter(task)
    await hub.ledger.record(tasks[-1])


async def test_a_call_is_found_with_all_that_is_known_of_it(alice: Person, shop: ThirdParty) -> None:
    request_id = await call(alice, product_id=404)

    [one] = await found(alice)

    again = (await alice.get(f"/v1/calls/{one['id']}")).json
    assert again == {**one, "payload": None}
    assert time.time() - datetime.fromisoformat(one.pop("startedAt")).timestamp() < 60
    assert one.pop("milliseconds") > 0
    assert uuid.UUID(one.pop("id")).version == 7
    assert one == {
        "connector": "shop",
        "version": "1.0",
        "operation": "get_product",
        "authId": None,
        "calledBy": "master",
        "userId": None,
        "outcome": "error",
        "errorCode": "#api_error",
        "requestId": request_id,
    }


async def test_calls_are_found_by_what_is_known_of_them(hub: Hub, alice: Person, bob: Person, shop: ThirdParty) -> None:
    bobs_id = (await caller_of(hub, bob)).user_id
    asked = await call(bob, product_id=7)
    await call(alice, product_id=500)
    await call(alice, "read_table", product_id=1)

    hits = {
        query: len(await found(alice, query))
        for query in (
            "connector=shop&version=1.0",
            "connector=other",
            "operation=read_table",
            "outcome=error",
            "errorCode=%23api_error",
            f"userId={bobs_id}",
            f"userId={NOBODYS}",
            f"authId={NOBODYS}",
            f"requestId={asked}",
            "from=2020-01-01T00:00:00Z",
            "to=2020-01-01T00:00:00Z",
            "outcome=success&operation=get_product",
        )
    }

    assert list(hits.values()) == [3, 0, 1, 1, 1, 1, 0, 0, 1, 3, 0, 1]


@pytest.mark.parametrize(
    "query", ["first=0", "first=1001", "cursor=x", "outcome=maybe", "from=yesterday", "authId=1", "userId=me"]
)
async def test_what_cannot_be_asked_is_said(alice: Person, query: str) -> None:
    answer = await alice.get(f"/v1/calls?{query}")

    assert (answer.status, answer.json["code"]) == (400, "invalid_input")


async def test_pages_hold_every_call_once_while_others_come_in(hub: Hub, alice: Person) -> None:
    now = time.time()
    await record(hub, *(a_task(alice.organization_id, now - 100 + number, number) for number in range(25)))
    seen: list[str] = []
    cursor = ""

    while True:
        page = (await alice.get(f"/v1/calls?first=10{cursor}")).json
        seen += [one["requestId"] for one in page["elements"]]
        await record(hub, a_task(alice.organization_id, now, 100 + len(seen)))
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = f"&cursor={page['pageInfo']['endCursor']}"

    assert seen == [f"request-{number}" for number in reversed(range(25))]


async def test_what_is_rare_is_found_some_pages_on(hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOOKED_AT", 10)  # a limit of ours, not a function
    now = time.time()
    tasks = [a_task(alice.organization_id, now - 100 + number, number) for number in range(35)]
    tasks[3] = replace(tasks[3], operation="rare")
    await record(hub, *tasks)
    pages: list[int] = []
    cursor = ""

    while True:
        page = (await alice.get(f"/v1/calls?operation=rare{cursor}")).json
        pages.append(len(page["elements"]))
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = f"&cursor={page['pageInfo']['endCursor']}"

    assert pages == [0, 0, 0, 1]


async def test_an_end_user_sees_their_own_calls_only(hub: Hub, alice: Person, bob: Person, shop: ThirdParty) -> None:
    ann = await end_user(hub, alice, "ann")
    for person in (alice, bob, ann):
        await call(person, product_id=7)
    anns_id = (await caller_of(hub, ann)).user_id

    [bobs] = await found(bob)

    assert bobs["userId"] == (await caller_of(hub, bob)).user_id
    assert [len(await found(alice)), len(await found(alice.program))] == [3, 3]
    assert (await bob.get(f"/v1/calls?userId={anns_id}")).status == 403
    assert (await bob.get(f"/v1/usage?by=user&userId={anns_id}")).status == 403
    assert (await bob.get("/v1/usage?by=user")).json["tasks"] == 1


async def test_a_viewer_sees_the_calls_and_a_stranger_none(
    hub: Hub, alice: Person, charlie: Person, shop: ThirdParty
) -> None:
    await call(alice, product_id=7)
    viewer = await member(hub, alice, "victor", Role.VIEWER)

    assert len(await found(viewer)) == 1
    assert await found(charlie) == []
    assert (await charlie.get("/v1/usage?by=connector")).json == {"tasks": 0, "groups": []}


async def test_usage_without_days_is_what_it_always_was(alice: Person, shop: ThirdParty) -> None:
    await call(alice, product_id=7)

    assert (await alice.get("/v1/usage")).json == {"tasks": 1}


@pytest.mark.parametrize("path", ["/v1/calls", "/v1/usage"])
async def test_a_number_is_no_moment(alice: Person, path: str) -> None:
    for number in ("2026", "-1", "0", "1e9", "1795305600", "20261122", "%202026"):
        for name in ("from", "to"):
            answer = await alice.get(f"{path}?{name}={number}")

            said = f"Invalid value for: query (Input should be written like 2026-11-22 at '{name}')"
            assert (answer.status, answer.json["message"]) == (400, said), number


async def test_a_moment_may_say_its_time_of_day_and_zone(alice: Person, shop: ThirdParty) -> None:
    await call(alice, product_id=7)

    for moment in ("2020-01-01", "2020-01-01T10:00", "2020-01-01T10:00:00.5Z", "2020-01-01T10:00:00%2B02:00"):
        assert len(await found(alice, f"from={moment}")) == 1
        assert await found(alice, f"to={moment}") == []


async def test_usage_is_told_apart_as_one_likes(hub: Hub, alice: Person, bob: Person, shop: ThirdParty) -> None:
    bobs_id = (await caller_of(hub, bob)).user_id
    await call(alice, product_id=7)
    await call(bob, product_id=7)
    await call(bob, "read_table", product_id=7)
    today = datetime.now(UTC).date().isoformat()

    by_day = (await alice.get(f"/v1/usage?from={today}&to={today}&by=day&by=connector")).json
    by_user = (await alice.get("/v1/usage?by=operation&by=user")).json

    assert by_day == {"tasks": 3, "groups": [{"day": today, "connector": "shop", "tasks": 3}]}
    assert by_user["groups"] == [
        {"operation": "get_product", "userId": "", "tasks": 1},
        {"operation": "get_product", "userId": bobs_id, "tasks": 1},
        {"operation": "read_table", "userId": bobs_id, "tasks": 1},
    ]
    assert (await alice.get("/v1/usage?from=2020-01-01&to=2019-01-01")).status == 400
    assert (await alice.get("/v1/usage?from=0001-01-01&to=9999-12-31")).status == 400


async def test_old_calls_are_forgotten_and_their_sums_stay(hub: Hub, alice: Person, charlie: Person) -> None:
    """The 90 days of the setting, the two days that are not summed up yet, and those in between."""
    now = time.time()
    ages = {0: 3, 1: 2, 5: 4, 89: 1, 95: 7, 200: 5}
    tasks = [
        a_task(alice.organization_id, now - age * DAY_SECONDS, number)
        for age, many in ages.items()
        for number in range(many)
    ]
    await record(hub, *tasks, a_task(charlie.organization_id, now - 95 * DAY_SECONDS, 99))
    before = await told(alice)

    forgotten = [await sweep.sweep(hub), await sweep.sweep(hub)]

    assert forgotten == [13, 0]
    assert len(await found(alice)) == 10
    assert await told(alice) == before
    assert before[0] == {"tasks": 22}
    assert sum(group["tasks"] for group in before[1]["groups"]) == 22
    assert (await charlie.get(f"/v1/usage?by=connector&from={day(now, 95)}")).json["tasks"] == 1


async def told(person: Person) -> list[Any]:
    """What somebody is told of usage: all, and every day of the last 201."""
    return [
        (await person.get("/v1/usage")).json,
        (await person.get(f"/v1/usage?by=day&from={day(time.time(), 201)}")).json,
    ]


def day(now: float, age: int) -> str:
    return datetime.fromtimestamp(now - age * DAY_SECONDS, UTC).date().isoformat()


async def test_what_was_called_again_with_its_key_is_found_once(alice: Person, shop: ThirdParty) -> None:
    for _ in range(2):
        body = b'{"operation": "get_product", "input": {"product_id": 7}}'
        await alice.send("POST", CALL, body, {"Idempotency-Key": "k-1"})

    assert len(await found(alice)) == 1


class TestWithPayloadsKept:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"payloads_kept_hours": 2.0, "max_payload_bytes": 4000})

    @pytest.fixture
    async def auth(self, hub: Hub, bob: Person, alice: Person) -> AsyncGenerator[str]:
        """Bob's auth for a shop that wants a key."""
        async with third_party() as shop:
            await put_in_place(hub, alice.organization_id, shop.url, sign_in='ApiKey("X-Key")')
            environments = (await bob.get("/core/v1/services/shop/versions/1/environments")).json["elements"]
            wanted = {"name": "Mine", "serviceEnvironmentId": environments[0]["id"], "credentials": {"apiKey": KEY}}
            yield (await bob.post("/core/v1/authentications", wanted)).json["id"]

    async def test_they_are_shown_to_who_may_see_them_without_secrets(
        self, hub: Hub, alice: Person, bob: Person, charlie: Person, auth: str
    ) -> None:
        given = {"product_id": 1, "note": f"canary-note {KEY}"}
        await bob.post(CALL, {"operation": "order_product", "input": given, "authId": auth})
        [one] = await found(bob)
        path = f"/v1/calls/{one['id']}"
        await until_kept(bob, path)
        viewer, admin = await member(hub, alice, "victor", Role.VIEWER), await member(hub, alice, "anne", Role.ADMIN)

        told = {name: (await person.get(path)).json for name, person in {"bob": bob, "admin": admin}.items()}

        assert told["bob"] == told["admin"]
        payload = told["bob"]["payload"]
        assert payload["input"] == '{"product_id":1,"note":"canary-note [redacted]"}'
        assert '"key":"[redacted]"' in payload["output"]
        assert payload["isCut"] is False
        assert (await viewer.get(path)).json["payload"] is None
        assert (await charlie.get(path)).status == 404
        stored_bytes = all_that_is_stored(hub.settings)
        assert b"canary-note" not in stored_bytes
        assert KEY.encode() not in stored_bytes

    async def test_links_to_files_in_them_open_nothing(self, hub: Hub, bob: Person, auth: str) -> None:
        answer = await bob.send("POST", "/v1/files?name=a.txt", b"mine", {"Content-Type": "text/plain"})
        link = answer.json["url"]
        signature = link.rpartition("=")[2]
        assert len(signature) == 64
        spelled = [
            link,
            quote(link, safe=""),
            quote(quote(link, safe=""), safe=""),
            json.dumps(json.dumps({"a": link})),
        ]
        given = {"product_id": 1, "note": " ".join([*spelled, json.dumps({"signature": signature})])}
        await bob.post(CALL, {"operation": "order_product", "input": given, "authId": auth})
        [one] = await found(bob)

        payload = await until_kept(bob, f"/v1/calls/{one['id']}")

        assert "signature=[redacted]" in payload["input"]
        assert signature not in payload["input"] + payload["output"]

    async def test_they_are_cut_and_forgotten_in_time(self, hub: Hub, bob: Person, auth: str) -> None:
        given = {"product_id": 1, "note": "x" * 10_000}
        await bob.post(CALL, {"operation": "order_product", "input": given, "authId": auth})
        [one] = await found(bob)
        path = f"/v1/calls/{one['id']}"
        payload = await until_kept(bob, path)

        later = hub.clock() + 2 * 3600 + 1
        hub.clock = lambda: later
        after = (await bob.get(path)).json["payload"]
        await sweep.sweep(hub)

        assert (len(payload["input"]), payload["isCut"], after) == (4000, True, None)
        assert stored(hub.settings, "SELECT * FROM payloads") == []


async def until_kept(person: Person, path: str) -> Any:
    """Wait until the payload of this call is there, and return it."""
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        payload = (await person.get(path)).json["payload"]
        if payload is not None:
            return payload
        await asyncio.sleep(0.05)
    raise AssertionError("it was never kept")


async def test_without_the_setting_no_payload_is_kept(hub: Hub, alice: Person, shop: ThirdParty) -> None:
    await call(alice, product_id=7)
    [one] = await found(alice)

    assert hub.payloads is None
    assert (await alice.get(f"/v1/calls/{one['id']}")).json["payload"] is None
