"""Checks 17 to 23 and 25 of the public contract: list connectors, read their operations, call them."""

from __future__ import annotations

import asyncio
import base64
import uuid
from typing import Any

import pytest

from tests.contract.conftest import Shop
from tests.hub.people import Person

CALL = "/core/v1/connectors/shop/versions/1.0/call"
OPERATIONS = "/core/v1/connectors/shop/versions/1.0/operations"
SIX_KEYS = {"name", "title", "description", "inputSchema", "outputSchema", "hasDynamicOutput"}


async def call(person: Person, shop: Shop, operation: str = "send_message", **said: Any) -> Any:
    body = {"operation": operation, "input": {"channel": "alpha"}, "authId": shop.auth_id, **said}
    return await person.post(CALL, body)


async def test_check_17_connectors_are_listed_with_their_service_for_master_and_user(shop: Shop, bob: Person):
    for person in (shop.owner, bob):
        answer = await person.get("/core/v1/connectors")

        assert answer.status == 200
        [connector] = answer.json["elements"]
        assert (connector["name"], connector["version"], connector["title"]) == ("shop", "1.0", "Shop")
        assert connector["service"]["name"] == "shop"
        assert connector["service"]["version"] == 4
        assert str(uuid.UUID(connector["service"]["id"])) == connector["service"]["id"]


async def test_check_17_another_organization_sees_none_of_them(shop: Shop, charlie: Person):
    assert (await charlie.get("/core/v1/connectors")).json == {"elements": []}
    assert (await charlie.get(OPERATIONS)).status == 404
    assert (await charlie.post(CALL, {"operation": "read_table", "input": {}})).status == 404


async def test_check_18_every_operation_has_the_six_keys_and_a_closed_root(shop: Shop):
    elements = (await shop.owner.get(OPERATIONS)).json["elements"]

    assert [element["name"] for element in elements] == [
        "send_message",
        "get_status",
        "read_table",
        "show_key",
        "break_down",
        "raw_http_request",
    ]
    for element in elements:
        assert element.keys() >= SIX_KEYS
        assert element["inputSchema"]["type"] == "object"
        assert isinstance(element["inputSchema"]["properties"], dict)
        assert isinstance(element["inputSchema"]["required"], list)
    assert {element["name"]: element["hasDynamicOutput"] for element in elements}["read_table"] is True


async def test_check_19_every_lookup_names_an_operation_that_answers_choices(shop: Shop):
    elements = (await shop.owner.get(OPERATIONS)).json["elements"]
    message = next(element for element in elements if element["name"] == "send_message")["inputSchema"]["properties"]

    assert message["channel"]["lookup"]["input"] == {"region": "{{{region}}}"}
    for field, given in (("region", {}), ("channel", {"region": "north"})):
        answer = await call(shop.owner, shop, message[field]["lookup"]["operation"], input=given)
        assert answer.json["outcome"] == "success"
        assert all(set(choice) == {"text", "value"} for choice in answer.json["output"]["result"])


async def test_check_19_a_dependent_drop_down_lists_what_its_parent_has(shop: Shop):
    answer = await call(shop.owner, shop, "list_channels", input={"region": "south"})

    assert answer.json["output"] == {"result": [{"text": "Gamma", "value": "gamma"}]}


async def test_check_20_a_valid_call_answers_success_and_the_output(shop: Shop):
    answer = await call(shop.owner, shop, input={"channel": "alpha", "text": "Hello"})

    assert (answer.status, answer.json) == (
        200,
        {"outcome": "success", "output": {"ts": "1700000000.1", "channel": "alpha"}},
    )
    assert shop.third_party.asked == ["POST /messages/alpha the key of the shop"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "#: required key [channel] not found"),
        ({"channel": "a", "number_of_rows": "5"}, "#/number_of_rows: expected type: Integer, found: String"),
    ],
)
async def test_check_20_input_that_does_not_fit_is_refused_in_the_documented_words(
    shop: Shop, given: Any, problem: str
):
    answer = await call(shop.owner, shop, input=given)

    assert answer.status == 400
    assert answer.json["message"] == (
        f"Connector input validation failed. Schema validation errors:\n[ 1 - {problem} ]"
    )
    assert shop.third_party.asked == []


@pytest.mark.parametrize(
    ("auth_id", "message"),
    [
        ("not-a-uuid", "Invalid value for: body (Couldn't decode a valid UUID at 'authId')"),
        (5, "Invalid value for: body (Got value '5' with wrong type, expecting string at 'authId')"),
    ],
)
async def test_check_21_an_auth_id_that_is_none_is_refused(shop: Shop, auth_id: Any, message: str):
    answer = await call(shop.owner, shop, authId=auth_id)

    assert (answer.status, answer.json["message"]) == (400, message)


async def test_check_21_an_unknown_auth_is_not_found_and_anothers_is_forbidden(shop: Shop, bob: Person, ann: Person):
    bobs = await shop.create_auth(bob)

    assert (await call(shop.owner, shop, authId=str(uuid.uuid4()))).status == 404
    assert (await call(bob, shop, authId=bobs)).json["outcome"] == "success"
    assert (await call(ann, shop, authId=bobs)).status == 403


async def test_check_21_an_empty_auth_id_means_none_and_is_an_outcome_with_advice(shop: Shop):
    answer = await call(shop.owner, shop, "show_key", input={}, authId="")

    assert (answer.status, answer.json["outcome"]) == (200, "error")
    assert "authId" in answer.json["output"]["message"]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "NotFound"), (429, "RateLimited"), (500, "ServiceBroken"), (401, "NotSignedIn")]
)
async def test_check_22_a_third_party_that_refuses_is_an_outcome(shop: Shop, status: int, kind: str):
    answer = await call(shop.owner, shop, "get_status", input={"status": status})

    output = answer.json["output"]
    assert (answer.status, answer.json["outcome"]) == (200, "error")
    assert output["response"] == {"statusCode": status, "body": {"said": "no"}}
    assert output["kind"] == kind
    assert output["message"]


async def test_check_23_a_dynamic_operation_says_its_output_schema(shop: Shop):
    answer = await call(shop.owner, shop, "read_table", input={}, returnOutputSchema=True)

    assert answer.json["outcome"] == "success"
    assert answer.json["output"]["output_schema"]["type"] == "object"


async def test_check_25_each_call_is_one_task_and_lists_are_free(shop: Shop):
    before = await shop.count_tasks()

    await call(shop.owner, shop)
    await call(shop.owner, shop, "get_status", input={"status": 500})
    await shop.owner.get("/core/v1/connectors")
    await shop.owner.get(OPERATIONS)
    await call(shop.owner, shop, input={})  # refused, so nothing was run

    assert await shop.count_tasks() == before + 2


async def test_check_25_calls_at_once_are_counted_once_each(shop: Shop):
    before = await shop.count_tasks()

    answers = await asyncio.gather(*(call(shop.owner, shop) for _ in range(50)))

    assert {answer.json["outcome"] for answer in answers} == {"success"}
    assert await shop.count_tasks() == before + 50


async def test_a_private_operation_is_neither_listed_nor_callable(shop: Shop):
    answer = await call(shop.owner, shop, "#token_request", input={})

    assert answer.status == 404


async def test_a_third_party_that_repeats_the_key_does_not_reveal_it(shop: Shop):
    answer = await call(shop.owner, shop, "show_key", input={})

    assert answer.json["outcome"] == "success"
    assert b"the key of the shop" not in answer.body
    assert base64.b64encode(b"the key of the shop") not in answer.body


async def test_a_call_is_read_by_its_content_whatever_it_is_labelled(shop: Shop):
    body = b'{"operation": "read_table", "input": {}, "authId": "%s", "more": 1}' % shop.auth_id.encode()

    answer = await shop.owner.send("POST", CALL, body, {"Content-Type": "application/x-www-form-urlencoded"})

    assert answer.json["outcome"] == "success"


async def test_any_request_can_be_made_through_the_raw_operation(shop: Shop):
    given = {"method": "GET", "url": {"endpoint": "/status/418"}, "body": {"none": None}}

    answer = await call(shop.owner, shop, "raw_http_request", input=given)

    assert answer.json["output"]["status"] == 418
    assert answer.json["output"]["body"] == {"said": "no"}


async def test_what_went_wrong_in_a_connectors_code_is_told_to_its_author_only(shop: Shop, bob: Person):
    answer = await call(shop.owner, shop, "break_down", input={})

    assert b"the reason is a secret" not in answer.body
    [entry] = (await shop.owner.get("/v1/connectors/shop/versions/1.0/log")).json["elements"]
    assert (entry["operation"], entry["outcome"]) == ("break_down", "error")
    assert entry["requestId"] == answer.headers["X-Request-Id"]
    assert "about to break" in entry["text"]
    assert "the reason is a secret" in entry["text"]
    assert (await bob.get("/v1/connectors/shop/versions/1.0/log")).status == 403
