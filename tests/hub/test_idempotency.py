"""Requests with an `Idempotency-Key`: sent again, and not carried out again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from jackfield_hub.auths.vault import Vault
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy_and_wait, deploy_body, deploy_path
from tests.hub.people import Answer, Person, end_user
from tests.hub.processes import HubProcess, start
from tests.hub.shop import ThirdParty, put_in_place, third_party
from tests.hub.stored import stored, stored_values
from tests.hub.test_rotation import rotate

CALL = "/core/v1/connectors/shop/versions/1.0/call"
DAY_SECONDS = 24 * 3600.0
REPLAYED = "Idempotency-Replayed"


@pytest.fixture
async def shop(hub: Hub, alice: Person) -> AsyncGenerator[ThirdParty]:
    async with third_party() as shop:
        await put_in_place(hub, alice.organization_id, shop.url)
        yield shop


async def send(person: Person, path: str, body: Any, key: str) -> Answer:
    return await person.send("POST", path, orjson.dumps(body), {"Idempotency-Key": key})


async def order(person: Person, key: str, product: int = 1) -> Answer:
    body = {"operation": "order_product", "input": {"product_id": product}}
    return await send(person, CALL, body, key)


async def usage(person: Person) -> int:
    return (await person.get("/v1/usage")).json["tasks"]


async def test_a_call_sent_again_is_answered_as_the_first_time(alice: Person, shop: ThirdParty) -> None:
    first, again = await order(alice, "k-1"), await order(alice, "k-1")

    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    assert shop.asked == ["POST /orders"]
    assert await usage(alice) == 1


async def test_a_call_that_failed_is_answered_as_the_first_time_too(alice: Person, shop: ThirdParty) -> None:
    body = {"operation": "get_product", "input": {"product_id": 503}}

    first, again = [await send(alice, CALL, body, "k-1") for _ in range(2)]

    assert first.json["outcome"] == "error"
    assert (again.body, again.headers[REPLAYED]) == (first.body, "true")
    assert await usage(alice) == 1


async def test_f19_a_hundred_at_once_are_run_once(alice: Person, shop: ThirdParty) -> None:
    answers = await asyncio.gather(*(order(alice, "k-1") for _ in range(100)))

    counted = Counter(answer.status for answer in answers)
    assert set(counted) <= {200, 409}
    assert sum(answer.status == 200 and REPLAYED not in answer.headers for answer in answers) == 1
    for answer in answers:
        if answer.status == 409:
            assert (answer.json["code"], answer.headers["Retry-After"]) == ("idempotency_in_progress", "1")
    assert shop.asked == ["POST /orders"]
    assert await usage(alice) == 1
    assert (await order(alice, "k-1")).headers[REPLAYED] == "true"


async def test_f20_another_request_with_the_same_key_is_refused(alice: Person, shop: ThirdParty) -> None:
    await order(alice, "k-1")

    other = await order(alice, "k-1", product=2)

    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert shop.asked == ["POST /orders"]


async def test_two_peoples_keys_have_nothing_to_do_with_each_other(
    hub: Hub, alice: Person, bob: Person, shop: ThirdParty
) -> None:
    ann = await end_user(hub, alice, "ann")

    answers = [await order(person, "k-1") for person in (alice, bob, ann)]

    assert [REPLAYED in answer.headers for answer in answers] == [False] * 3
    assert len(shop.asked) == 3


async def test_a_refused_call_uses_no_key_up(alice: Person, shop: ThirdParty) -> None:
    wrong = {"operation": "order_product", "input": {}}

    assert (await send(alice, CALL, wrong, "k-1")).status == 400
    assert (await order(alice, "k-1")).status == 200


async def test_a_key_is_forgotten_after_a_day(hub: Hub, alice: Person, shop: ThirdParty) -> None:
    await order(alice, "k-1")
    now = hub.clock()

    hub.clock = lambda: now + DAY_SECONDS + 1

    assert REPLAYED not in (await order(alice, "k-1", product=2)).headers
    assert len(shop.asked) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "caf\u00e9"])
async def test_a_key_is_visible_ascii(alice: Person, shop: ThirdParty, key: str) -> None:
    answer = await order(alice, key)

    assert (answer.status, answer.json["code"]) == (400, "invalid_input")
    assert shop.asked == []


async def test_neither_the_key_nor_the_input_can_be_read_from_the_disk(
    hub: Hub, alice: Person, shop: ThirdParty
) -> None:
    body = {"operation": "get_product", "input": {"product_id": 1, "note": "hunter2-of-the-input"}}
    await send(alice, CALL, body, "a-key-nobody-sees")
    await send(alice, deploy_path(), deploy_body(connector_zip()), "a-key-nobody-sees")

    stored = b"".join(path.read_bytes() for path in hub.settings.data_dir.glob("*.db*"))

    assert b"a-key-nobody-sees" not in stored
    assert b"hunter2-of-the-input" not in stored


async def test_an_answer_that_is_kept_cannot_be_read_from_the_disk(
    hub: Hub, alice: Person, settings: Settings, shop: ThirdParty
) -> None:
    first = await order(alice, "k-1")

    [(kept,)] = stored_values(settings, "SELECT output FROM promises")
    on_disk = b"".join(path.read_bytes() for path in settings.data_dir.glob("usage.db*"))

    assert len(first.json["output"]) > 0
    for said in (orjson.dumps(first.json["output"]), *(key.encode() for key in first.json["output"])):
        assert said not in bytes(kept)
        assert b'"' + said not in on_disk
    assert (await order(alice, "k-1")).body == first.body


async def test_a_kept_answer_outlives_a_change_of_keys(alice: Person, settings: Settings, shop: ThirdParty) -> None:
    first = await order(alice, "k-1")

    for _ in range(2):
        code, said = await rotate(settings)
        assert code == 0, said

    again = await order(alice, "k-1")
    assert (again.body, again.headers[REPLAYED]) == (first.body, "true")
    assert (await order(alice, "k-2")).status == 200
    assert shop.asked == ["POST /orders"] * 2


async def test_an_answer_that_does_not_open_is_unknown_and_the_call_is_not_run_again(
    alice: Person, settings: Settings, shop: ThirdParty
) -> None:
    for key in ("k-1", "k-2"):
        await order(alice, key)
    kept = {row["key_hash"]: row["output"] for row in stored(settings, "SELECT key_hash, output FROM promises")}
    one, other = kept
    stored(settings, "UPDATE promises SET output = $1 WHERE key_hash = $2", kept[one], other)

    answers = [await order(alice, key) for key in ("k-1", "k-2")]

    codes = [answer.json["output"].get("code") for answer in answers]
    assert sorted(codes, key=str) == sorted([None, "#outcome_unknown"], key=str)
    assert len(shop.asked) == 2


async def test_while_the_master_key_is_away_a_call_with_a_key_is_not_run(
    hub: Hub, alice: Person, settings: Settings, shop: ThirdParty
) -> None:
    (settings.data_dir / "keys" / "master.key").unlink()
    hub.vault = Vault(hub.vault.wrap)  # one that has opened nothing lately

    answer = await order(alice, "k-1")

    assert (answer.status, answer.json["code"]) == (503, "master_key_away")
    assert shop.asked == []
    assert await usage(alice) == 0


async def test_a_deployment_sent_again_is_the_first_one(alice: Person) -> None:
    body = deploy_body(connector_zip())
    answers = await asyncio.gather(*(send(alice, deploy_path(), body, "k-1") for _ in range(5)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert sum(REPLAYED in answer.headers for answer in answers) == 4
    assert answers[0].json.keys() == {"id", "deploymentStatus", "connectorName", "connectorVersion"}
    await deploy_and_wait(alice, connector_zip(words="another one"))

    assert (await send(alice, deploy_path(), body, "k-1")).body == answers[0].body
    other = await send(alice, deploy_path(), deploy_body(connector_zip(words="other")), "k-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    elsewhere = await send(alice, deploy_path("other"), body, "k-1")
    assert elsewhere.status == 422


async def test_an_auth_sent_again_is_stored_once(hub: Hub, alice: Person, bob: Person, shop: ThirdParty) -> None:
    environments = await bob.get("/core/v1/services/shop/versions/1/environments")
    body = {"name": "My shop", "serviceEnvironmentId": environments.json["elements"][0]["id"]}

    answers = await asyncio.gather(*(send(bob, "/core/v1/authentications", body, "k-1") for _ in range(10)))

    assert len({answer.json["id"] for answer in answers}) == 1
    assert sum(REPLAYED in answer.headers for answer in answers) == 9
    other = await send(bob, "/core/v1/authentications", {**body, "name": "Other"}, "k-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


async def test_answers_of_deployments_and_auths_are_kept_sealed_and_open_after_a_change_of_keys(
    alice: Person, settings: Settings, shop: ThirdParty
) -> None:
    environments = await alice.get("/core/v1/services/shop/versions/1/environments")
    auth = {"name": "My shop", "serviceEnvironmentId": environments.json["elements"][0]["id"]}
    requests = [("/core/v1/authentications", auth), (deploy_path(), deploy_body(connector_zip()))]
    first = [await send(alice, path, body, "k-1") for path, body in requests]

    kept = b"".join(bytes(row["answer"]) for row in stored(settings, "SELECT answer FROM idempotency_keys"))
    code, said = await rotate(settings)

    assert code == 0, said
    assert not any(answer.json["id"].encode() in kept for answer in first)
    again = [await send(alice, path, body, "k-1") for path, body in requests]
    assert [(one.body, one.headers[REPLAYED]) for one in again] == [(one.body, "true") for one in first]


async def test_a_deployment_whose_answer_does_not_open_is_not_made_again(alice: Person, settings: Settings) -> None:
    body = deploy_body(connector_zip())
    for key in ("k-1", "k-2"):
        await send(alice, deploy_path(), body, key)
        await deploy_and_wait(alice, connector_zip())
    answers = {row["key_hash"]: row["answer"] for row in stored(settings, "SELECT * FROM idempotency_keys")}
    one, other = answers
    stored(settings, "UPDATE idempotency_keys SET answer = $1 WHERE key_hash = $2", answers[one], other)
    before = stored_values(settings, "SELECT count(*) FROM deployments")

    again = [await send(alice, deploy_path(), body, key) for key in ("k-1", "k-2")]

    assert sorted((answer.status, answer.json.get("code")) for answer in again)[1] == (409, "answer_lost")
    assert stored_values(settings, "SELECT count(*) FROM deployments") == before


async def test_while_the_master_key_is_away_nothing_is_deployed_with_a_key(
    hub: Hub, alice: Person, settings: Settings
) -> None:
    (settings.data_dir / "keys" / "master.key").unlink()
    hub.vault = Vault(hub.vault.wrap)

    answer = await send(alice, deploy_path(), deploy_body(connector_zip()), "k-1")

    assert (answer.status, answer.json["code"]) == (503, "master_key_away")
    assert stored_values(settings, "SELECT count(*) FROM deployments") == [(0,)]


SLOW = '''
import time
from dataclasses import dataclass

from acme.connector import acme


@acme.operation{said}
def {name}() -> dict:
    """Take a while the first time."""
    time.sleep(20)
    return {{}}
'''
FILES = {
    "acme/operations/nap.py": SLOW.format(name="nap", said=""),
    "acme/operations/peek.py": SLOW.format(name="peek", said="(is_idempotent=True)").replace("sleep(20)", "sleep(2)"),
}


async def test_f17_a_call_the_hub_died_in_is_unknown_counted_and_not_run_again(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    settings = Settings(data_dir=tmp_path / "data", database=new_database())
    hub = start(settings.data_dir, database=settings.database)
    try:
        async with aiohttp.ClientSession(hub.url) as session:
            master = person(session, hub)
            await deploy_and_wait(master, connector_zip(files=FILES))
            calls = [asyncio.create_task(slow_call(master, name)) for name in ("nap", "peek")]
            await until_begun(settings, 2)
            hub.kill()
            await asyncio.gather(*calls, return_exceptions=True)

        hub = start(settings.data_dir, database=settings.database)
        async with aiohttp.ClientSession(hub.url) as session:
            master = person(session, hub)
            assert await usage(master) == 2

            nap, peek = await slow_call(master, "nap"), await slow_call(master, "peek")

            assert (nap.status, nap.json["outcome"], nap.json["output"]["kind"]) == (200, "error", "OutcomeUnknown")
            assert nap.headers[REPLAYED] == "true"
            assert (peek.json, REPLAYED in peek.headers) == ({"outcome": "success", "output": {}}, False)
            assert await usage(master) == 3
            assert (await slow_call(master, "peek")).headers[REPLAYED] == "true"
    finally:
        hub.kill()


async def slow_call(master: Person, operation: str) -> Answer:
    path = "/core/v1/connectors/acme/versions/1.0/call"
    return await send(master, path, {"operation": operation, "input": {}}, f"key-of-{operation}")


def person(session: aiohttp.ClientSession, hub: HubProcess) -> Person:
    return Person(session, hub.tokens["organizationId"], hub.tokens["masterToken"])


async def until_begun(settings: Settings, count: int) -> None:
    """Return when so many calls with a key have begun."""
    while True:
        if stored_values(settings, "SELECT count(*) FROM promises") == [(count,)]:
            return
        await asyncio.sleep(0.02)
