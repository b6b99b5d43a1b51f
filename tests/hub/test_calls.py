"""Calling operations: through the front door, into a worker, out to a third party, and into the ledger."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from jackfield_hub.app import create_app
from jackfield_hub.auths.vault import Vault
from jackfield_hub.hub import Hub
from jackfield_hub.services.declared import ServiceDiffers
from jackfield_hub.settings import Settings
from tests.hub.people import Answer, Person, end_user
from tests.hub.shop import KEY, ThirdParty, put_in_place, third_party
from tests.hub.stored import stored

CALL = "/core/v1/connectors/shop/versions/1.0/call"
CLOSED = "/core/v1/connectors/closed-shop/versions/1.0/call"


@pytest.fixture
async def shop(hub: Hub, alice: Person) -> AsyncGenerator[ThirdParty]:
    """The third party, and Alice's connector to it that needs no auth."""
    async with third_party() as shop:
        await put_in_place(hub, alice.organization_id, shop.url)
        yield shop


async def close(hub: Hub, alice: Person, shop: ThirdParty) -> dict[str, Any]:
    """Put a second connector in place, one that needs an auth; return what to post to store one."""
    await put_in_place(
        hub, alice.organization_id, shop.url, name="closed-shop", title="Closed shop", sign_in='ApiKey("X-Key")'
    )
    environments = (await alice.get("/core/v1/services/closed-shop/versions/1/environments")).json["elements"]
    return {"name": "Mine", "serviceEnvironmentId": environments[0]["id"], "credentials": {"apiKey": KEY}}


def call(operation: str, given: Any = None, **more: Any) -> dict[str, Any]:
    return {"operation": operation, "input": given or {}, **more}


def tasks(settings: Settings) -> list[dict[str, Any]]:
    """What is in the ledger, oldest first."""
    return stored(settings, "SELECT * FROM tasks ORDER BY task_id")


async def usage(person: Person) -> int:
    return (await person.get("/v1/usage")).json["tasks"]


@pytest.mark.parametrize("asked_for", ["keep-alive", "close"])
async def test_an_answer_says_whether_the_connection_stays_open(alice: Person, shop: ThirdParty, asked_for: str):
    body = orjson.dumps(call("get_product", {"product_id": 7}))
    answer = await alice.send("POST", CALL, body, {"Connection": asked_for})

    assert (answer.status, answer.json["outcome"]) == (200, "success")
    assert answer.headers.get("Connection", "keep-alive") == asked_for
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert {"Date", "X-Request-ID"} <= answer.headers.keys()


async def test_a_server_that_takes_no_whole_answers_gets_the_same_one_bit_by_bit(
    hub: Hub, alice: Person, shop: ThirdParty
):
    body = orjson.dumps(call("get_product", {"product_id": 7}))
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    authorization = (b"authorization", f"Bearer {alice.token}".encode())
    scope = {"type": "http", "method": "POST", "path": CALL, "raw_path": CALL.encode(), "headers": [authorization]}
    await create_app(hub)(scope, receive, send)
    over_a_socket = await alice.send("POST", CALL, body)

    start, rest = sent
    assert (start["status"], rest["body"]) == (200, over_a_socket.body)
    assert {name for name, _ in start["headers"]} == {b"content-type", b"content-length", b"x-request-id"}


async def test_a_call_goes_to_the_third_party_and_comes_back(alice: Person, bob: Person, shop: ThirdParty) -> None:
    for person in (alice, bob):
        answer = await person.post(CALL, call("get_product", {"product_id": 7}))

        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Request-Id"]
        assert answer.json == {"outcome": "success", "output": {"id": 7, "name": "Hammer", "signed": False}}
    assert shop.asked == ["GET /products/7"] * 2


async def test_a_drop_down_lists_its_choices(alice: Person, shop: ThirdParty) -> None:
    answer = await alice.post(CALL, call("list_products_ddl"))

    assert answer.json == {
        "outcome": "success",
        "output": {"result": [{"text": "Hammer", "value": 1}, {"text": "Saw", "value": 2}]},
    }


async def test_what_the_third_party_refuses_is_an_outcome(alice: Person, shop: ThirdParty, settings: Settings) -> None:
    for status in (401, 403, 404, 409, 429, 500):
        answer = await alice.post(CALL, call("get_product", {"product_id": status}))

        assert answer.status == 200
        assert answer.json["outcome"] == "error"
        output = answer.json["output"]
        assert output["response"] == {"statusCode": status, "body": {"problem": f"number {status}"}}
        assert output["expects"] == {"statusCode": [200, 201, 202, 204]}
        assert output["message"]
        assert output["fault"] == "third_party"
    assert [one["error_code"] for one in tasks(settings)] == ["#api_error"] * 6


ODD_CODE = """
from jackfield import InvalidInput

from odd.connector import shop


class Odd(InvalidInput):
    code = "odd\\0code"


@shop.operation
def be_odd() -> dict:
    raise Odd("Something is odd")
"""


async def test_a_code_no_database_takes_is_recorded_all_the_same(alice: Person, hub: Hub, settings: Settings) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example", name="odd", code=ODD_CODE)

    answer = await alice.post("/core/v1/connectors/odd/versions/1.0/call", call("be_odd"))

    assert (answer.status, answer.json["output"]["code"]) == (200, "odd\0code")
    assert [one["error_code"] for one in tasks(settings)] == ["oddcode"]


async def test_a_mistake_in_the_connector_is_an_outcome_without_its_details(alice: Person, shop: ThirdParty) -> None:
    answer = await alice.post(CALL, call("stumble"))

    assert answer.status == 200
    assert answer.json["outcome"] == "error"
    assert answer.json["output"]["fault"] == "connector"
    assert "payload-of-the-mistake" not in answer.body.decode()


async def test_a_connector_that_ends_its_process_costs_only_its_own_call(alice: Person, shop: ThirdParty) -> None:
    crashed = await alice.post(CALL, call("crash"))
    after = await alice.post(CALL, call("get_product", {"product_id": 1}))

    assert crashed.status == 200
    assert crashed.json["outcome"] == "error"
    assert after.json["outcome"] == "success"
    assert await usage(alice) == 2


async def test_input_is_checked_before_anything_runs(alice: Person, shop: ThirdParty, settings: Settings) -> None:
    missing = await alice.post(CALL, call("get_product"))
    wrong = await alice.post(CALL, call("get_product", {"product_id": "seven"}))

    opening = "Connector input validation failed. Schema validation errors:\n"
    assert (missing.status, wrong.status) == (400, 400)
    assert missing.json["message"] == f"{opening}[ 1 - #: required key [product_id] not found ]"
    assert wrong.json["message"] == f"{opening}[ 1 - #/product_id: expected type: Integer, found: String ]"
    assert tasks(settings) == []
    assert shop.asked == []


async def test_a_dynamic_operation_says_its_output_schema(alice: Person, shop: ThirdParty) -> None:
    asked = call("read_table", {"product_id": 3}, returnOutputSchema=True)

    answer = await alice.post(CALL, asked)

    assert answer.json["outcome"] == "success"
    schema = answer.json["output"]["output_schema"]
    assert schema["type"] == "object"
    assert "column_3" in schema["properties"]
    assert (await alice.post(CALL, {**asked, "returnOutputSchema": False})).json["output"] == {"rows": 3}


async def test_other_operations_answer_the_schema_they_always_have(alice: Person, shop: ThirdParty) -> None:
    operations = await alice.get("/core/v1/connectors/shop/versions/1.0/operations")
    [listed] = [one for one in operations.json["elements"] if one["name"] == "get_product"]

    answer = await alice.post(CALL, call("get_product", {"product_id": 3}, returnOutputSchema=True))

    assert answer.json == {"outcome": "success", "output": {"output_schema": listed["outputSchema"]}}
    assert shop.asked == []


async def test_an_unknown_connector_version_or_operation_is_not_found(alice: Person, shop: ThirdParty) -> None:
    for path in ("nobody/versions/1.0", "shop/versions/2.0", "shop%2Fx/versions/1.0", "%FF/versions/1.0"):
        answer = await alice.post(f"/core/v1/connectors/{path}/call", call("get_product"))
        assert answer.status == 404, path
        assert answer.json["message"]
    for operation in ("sell_product", "#token_request", ""):
        answer = await alice.post(CALL, call(operation))
        assert answer.status == 404
        assert answer.json["message"] == f"The connector operation {operation} was not found"
    assert await usage(alice) == 0


async def test_the_path_is_read_percent_decoded(alice: Person, shop: ThirdParty) -> None:
    answer = await alice.post("/core/v1/connectors/sho%70/versions/1%2E0/call", call("get_product", {"product_id": 1}))

    assert answer.status == 200


async def test_an_auth_signs_the_call_in(hub: Hub, alice: Person, shop: ThirdParty, settings: Settings) -> None:
    auth_id = (await alice.post("/core/v1/authentications", await close(hub, alice, shop))).json["id"]

    for spelling in (auth_id, auth_id.upper()):
        answer = await alice.post(CLOSED, call("get_product", {"product_id": 1}, authId=spelling))

        assert answer.json["output"]["signed"] is True
    assert {one["auth_id"] for one in tasks(settings)} == {auth_id}
    await alice.delete(f"/core/v1/authentications/{auth_id}")
    assert (await alice.post(CLOSED, call("get_product", {"product_id": 1}, authId=auth_id))).status == 404


async def test_a_third_party_that_echoes_the_key_does_not_give_it_away(
    hub: Hub, alice: Person, shop: ThirdParty
) -> None:
    auth_id = (await alice.post("/core/v1/authentications", await close(hub, alice, shop))).json["id"]

    answer = await alice.post(CLOSED, call("order_product", {"product_id": 1, "note": "please"}, authId=auth_id))

    assert answer.json["output"]["ordered"] == {"product": 1, "note": "please"}
    assert KEY not in answer.body.decode()


async def test_a_call_without_the_auth_it_needs_is_told_what_to_do(hub: Hub, alice: Person, shop: ThirdParty) -> None:
    await close(hub, alice, shop)

    for none in ({}, {"authId": ""}, {"authId": None}):
        answer = await alice.post(CLOSED, {**call("list_products_ddl"), **none})

        assert answer.status == 200
        assert answer.json["outcome"] == "error"
        assert "authId" in answer.json["output"]["message"]
        assert answer.json["output"]["code"] == "#user_input_error"
    assert shop.asked == []
    assert await usage(alice) == 3


async def test_an_auth_has_to_exist_be_the_callers_and_fit_the_service(
    hub: Hub, alice: Person, bob: Person, charlie: Person, shop: ThirdParty
) -> None:
    wanted = await close(hub, alice, shop)
    bobs = (await bob.post("/core/v1/authentications", wanted)).json["id"]
    alices = (await alice.post("/core/v1/authentications", wanted)).json["id"]
    await put_in_place(hub, charlie.organization_id, shop.url, name="closed-shop", sign_in='ApiKey("X-Key")')
    asked = call("get_product", {"product_id": 1})
    dora = await end_user(hub, alice, "dora")

    assert (await bob.post(CLOSED, {**asked, "authId": bobs})).status == 200
    assert (await alice.post(CLOSED, {**asked, "authId": str(uuid.uuid4())})).status == 404
    for person, auth_id in ((alice, bobs), (dora, bobs), (bob, alices)):
        assert (await person.post(CLOSED, {**asked, "authId": auth_id})).status == 403
    for auth_id in (alices, bobs):
        assert (await charlie.post(CLOSED, {**asked, "authId": auth_id})).status == 404
    assert (await alice.post(CALL, {**asked, "authId": alices})).status == 403
    assert shop.asked == ["GET /products/1"]


async def test_charlie_cannot_call_alices_connector(alice: Person, charlie: Person, shop: ThirdParty) -> None:
    answer = await charlie.post(CALL, call("get_product", {"product_id": 1}))

    assert answer.status == 404
    assert shop.asked == []
    assert (await usage(alice), await usage(charlie)) == (0, 0)


async def test_a_new_version_of_the_code_cannot_take_the_credentials_elsewhere(
    hub: Hub, alice: Person, shop: ThirdParty
) -> None:
    auth_id = (await alice.post("/core/v1/authentications", await close(hub, alice, shop))).json["id"]
    async with third_party() as thief:
        with pytest.raises(ServiceDiffers):
            await put_in_place(hub, alice.organization_id, thief.url, name="closed-shop", sign_in='ApiKey("X-Key")')

        answer = await alice.post(CLOSED, call("get_product", {"product_id": 1}, authId=auth_id))

        assert answer.json["output"]["signed"] is True
        assert thief.asked == []


async def test_an_auth_says_which_server_is_meant(
    hub: Hub, alice: Person, bob: Person, shop: ThirdParty, settings: Settings
) -> None:
    await put_in_place(hub, alice.organization_id, "{server}/api", name="own-shop")
    [environment] = (await alice.get("/core/v1/services/own-shop/versions/1/environments")).json["elements"]
    path = "/core/v1/connectors/own-shop/versions/1.0/call"

    async def call_at(server: str) -> Any:
        wanted = {"name": "x", "serviceEnvironmentId": environment["id"], "userData": {"server": server}}
        auth_id = (await bob.post("/core/v1/authentications", wanted)).json["id"]
        return (await bob.post(path, call("get_product", {"product_id": 1}, authId=auth_id))).json

    assert (await call_at(shop.url))["outcome"] == "success"
    assert shop.asked == ["GET /api/products/1"]
    assert (await call_at("http://169.254.169.254"))["output"]["kind"] == "NotAllowed"
    assert (await call_at("gopher://shop"))["output"]["kind"] == "InvalidInput"
    assert "server" in (await call_at("gopher://shop"))["output"]["message"]
    without = (await bob.post(path, call("get_product", {"product_id": 1}))).json
    assert without["output"]["code"] == "#user_input_error"
    assert [row["outcome"] for row in tasks(settings)] == ["success", "error", "error", "error", "error"]


async def test_an_auth_sealed_with_a_lost_key_is_refused_and_nothing_runs(
    hub: Hub, alice: Person, shop: ThirdParty, tmp_path: Path
) -> None:
    auth_id = (await alice.post("/core/v1/authentications", await close(hub, alice, shop))).json["id"]
    hub.vault = Vault.open(tmp_path / "another.key")

    answer = await alice.post(CLOSED, call("get_product", {"product_id": 1}, authId=auth_id))

    assert answer.status == 500
    assert answer.json["code"] == "auth_cannot_be_opened"
    assert (shop.asked, await usage(alice)) == ([], 0)


async def test_a_thousand_calls_may_run_at_once(alice: Person, shop: ThirdParty) -> None:
    answers = await asyncio.gather(*(alice.post(CALL, call("wait", {"seconds": 0.2})) for _ in range(1000)))

    assert {answer.status for answer in answers} == {200}
    assert await usage(alice) == 1000


BAD_BODIES: list[tuple[bytes, str]] = [
    (b"", "not JSON; look at line 1, column 1"),
    (b"{", "not JSON"),
    (b"operation=get_product", "not JSON"),
    (b"\xff\xfe{}", "not JSON"),
    (b'{"operation": "get_product", "input": {"product_id": NaN}}', "not JSON"),
    (b'{"operation": "get_product", "input": {"product_id": Infinity}}', "not JSON"),
    (b'{"operation": "get_product", "input": {"x": "\\ud800"}}', "not JSON"),
    (b'{"operation": "get_product", "input": {"x": "a\nb"}}', "not JSON"),
    (b'{"operation": "get_product", "input": ' + b"[" * 100_000, "not JSON"),
    (b'{"operation":"wait","input":' + b'{"a":' * 200 + b"1" + b"}" * 201, "nested deeper than 100 levels"),
    (b'{"operation":"wait","input":{"a":' + b"[" * 900 + b"]" * 900 + b"}}", "nested deeper than 100 levels"),
    (b"[]", "Got value '[]' with wrong type, expecting object"),
    (b"null", "Got value 'null' with wrong type, expecting object"),
    (b"17", "Got value '17' with wrong type, expecting object"),
    (b'"text"', "Got value '\"text\"' with wrong type, expecting object"),
    (b'{"input": {}}', "Missing required field at 'operation'"),
    (b'{"operation": "get_product"}', "Missing required field at 'input'"),
    (b'{"operation": 5, "input": {}}', "Got value '5' with wrong type, expecting string at 'operation'"),
    (b'{"operation": null, "input": {}}', "Got value 'null' with wrong type, expecting string at 'operation'"),
    (b'{"operation": "wait", "input": []}', "Got value '[]' with wrong type, expecting object at 'input'"),
    (b'{"operation": "wait", "input": "{}"}', "with wrong type, expecting object at 'input'"),
    (b'{"operation": "wait", "input": {}, "authId": 5}', "Got value '5' with wrong type, expecting string at 'authId'"),
    (b'{"operation": "wait", "input": {}, "authId": "not-a-uuid"}', "Couldn't decode a valid UUID at 'authId'"),
    (b'{"operation": "wait", "input": {}, "returnOutputSchema": "yes"}', "expecting boolean at 'returnOutputSchema'"),
]


async def test_a_body_nobody_can_read_is_refused_in_the_documented_words(alice: Person, shop: ThirdParty) -> None:
    for body, problem in BAD_BODIES:
        answer = await alice.send("POST", CALL, body)

        assert answer.status == 400, body[:60]
        assert answer.json["message"].startswith("Invalid value for: body ("), body[:60]
        assert problem in answer.json["message"], body[:60]
    assert await usage(alice) == 0


async def test_a_body_is_read_by_its_content_and_in_chunks(alice: Person, shop: ThirdParty) -> None:
    body = orjson.dumps({**call("get_product", {"product_id": 1}), "unknown": [1, 2], "returnOutputSchema": None})

    async def in_chunks() -> AsyncGenerator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    for label in ("application/x-www-form-urlencoded", "text/plain", "application/json"):
        for content in (body, in_chunks()):
            answer = await alice.send("POST", CALL, content, {"Content-Type": label})
            assert answer.json["outcome"] == "success"


async def test_a_body_larger_than_the_limit_is_refused(alice: Person, shop: ThirdParty, settings: Settings) -> None:
    body = b'{"operation": "get_product", "input": {}, "x": "' + b"x" * settings.max_body_bytes + b'"}'

    async def in_chunks() -> AsyncGenerator[bytes]:
        for at in range(0, len(body), 1024 * 1024):
            yield body[at : at + 1024 * 1024]

    for content in (body, in_chunks()):
        answer = await alice.send("POST", CALL, content)
        assert answer.status == 413
        assert "larger than" in answer.json["message"]


async def test_only_post_and_only_with_a_token(alice: Person, shop: ThirdParty) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await alice.send(method, CALL)
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"
        assert answer.json["message"]
    for token in ("", "nonsense", "jf_master_" + "0" * 30 + "_000000"):
        refused = await replace(alice, token=token).post(CALL, call("wait"))
        assert refused.status == 401
        assert refused.json == {"message": "The request is unauthorized"}
    for path in ("/core/v1/connectors/call", "/core/v1/connectors/a/b/call", "/core/v1/connectors/shop/versions/1.0/x"):
        assert (await alice.post(path, {})).status == 404


async def test_every_executed_call_is_in_the_ledger_once_and_nothing_else_is(
    alice: Person, bob: Person, charlie: Person, shop: ThirdParty, settings: Settings
) -> None:
    wanted = [call("get_product", {"product_id": number}) for number in (1, 404)]
    answers = await asyncio.gather(*(bob.post(CALL, wanted[number % 2]) for number in range(200)))
    await alice.get("/core/v1/connectors")
    await alice.get("/core/v1/connectors/shop/versions/1.0/operations")
    await alice.post(CALL, call("get_product"))

    assert {answer.status for answer in answers} == {200}
    rows = tasks(settings)
    assert len(rows) == len({row["task_id"] for row in rows}) == 200
    assert [row["outcome"] for row in rows].count("success") == 100
    assert {answer.headers["X-Request-Id"] for answer in answers} == {row["request_id"] for row in rows}
    for row in rows:
        assert (row["organization_id"], row["caller_kind"]) == (alice.organization_id, "user")
        assert (row["connector"], row["version"], row["operation"]) == ("shop", "1.0", "get_product")
        assert row["user_id"]
        assert row["milliseconds"] > 0
    assert (await usage(alice), await usage(bob), await usage(charlie)) == (200, 200, 0)


async def test_the_log_says_what_happened_and_holds_no_payload(
    hub: Hub, alice: Person, shop: ThirdParty, capsys: pytest.CaptureFixture[str]
) -> None:
    auth_id = (await alice.post("/core/v1/authentications", await close(hub, alice, shop))).json["id"]
    capsys.readouterr()

    await alice.post(CLOSED, call("order_product", {"product_id": 1, "note": "private-note"}, authId=auth_id))
    await alice.post(CLOSED, call("stumble", authId=auth_id))
    await alice.post(CLOSED, call("get_product", {"product_id": "private-note"}, authId=auth_id))

    text = capsys.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines if "request_id" in line] == ["call", "call", "request"]
    said = [line for line in lines if line["event"] == "call"]
    assert [(line["operation"], line["outcome"], line["code"]) for line in said] == [
        ("order_product", "success", None),
        ("stumble", "error", "#connector_error"),
    ]
    for private in ("private-note", "payload-of-the-mistake", "Hammer", KEY, alice.token):
        assert private not in text


class TestWhenTimeOrRoomIsShort:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={"call_seconds": 0.5, "max_calls_at_once": 2, "queue_seconds": 0.0, "drain_seconds": 0.2}
        )

    async def test_a_call_that_takes_too_long_is_an_outcome(
        self, alice: Person, shop: ThirdParty, settings: Settings
    ) -> None:
        await alice.post(CALL, call("wait", {"seconds": 0}))

        answer = await alice.post(CALL, call("wait", {"seconds": 30}))

        assert answer.json["outcome"] == "error"
        assert answer.json["output"]["code"] == "#timeout_error"
        assert tasks(settings)[-1]["error_code"] == "#timeout_error"

    async def test_more_calls_than_fit_are_refused_and_not_counted(self, alice: Person, shop: ThirdParty) -> None:
        answers: list[Answer] = await asyncio.gather(
            *(alice.post(CALL, call("wait", {"seconds": 0.1})) for _ in range(12))
        )

        refused = [answer for answer in answers if answer.status == 503]
        assert refused
        assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
        assert await usage(alice) == len(answers) - len(refused)

    async def test_a_hub_that_stops_takes_no_more_calls(self, hub: Hub, alice: Person, shop: ThirdParty) -> None:
        hub.is_draining = True

        assert (await alice.post(CALL, call("wait", {"seconds": 0}))).status == 503


async def test_a_call_cut_short_is_in_the_ledger_as_unknown(
    hub: Hub, alice: Person, shop: ThirdParty, settings: Settings
) -> None:
    await alice.post(CALL, call("wait", {"seconds": 0}))
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(alice.post(CALL, call("wait", {"seconds": 1})))
    await asyncio.sleep(0.3)
    for task in asyncio.all_tasks() - before - {waiting}:
        if "run_asgi" in str(task.get_coro()):
            task.cancel()  # what a stopping server does to those who take too long

    assert (await waiting).status == 503
    await alice.post(CALL, call("wait", {"seconds": 0}))
    assert [row["outcome"] for row in tasks(settings)] == ["success", "unknown", "success"]


async def test_the_documentation_describes_the_call_path_as_it_is(alice: Person, shop: ThirdParty) -> None:
    document = (await alice.without_token().get("/openapi.json")).json
    described = document["paths"]["/core/v1/connectors/{name}/versions/{version}/call"]

    assert described.keys() == {"post"}
    schema = described["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["operation", "input"]
    assert schema["properties"].keys() == {"operation", "input", "authId", "returnOutputSchema"}
    example = {"operation": "get_product", "input": {"product_id": 1}, "authId": "", "returnOutputSchema": False}
    answer = await alice.post(CALL, example)
    answered = described["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer.json.keys() == answered["properties"].keys() == set(answered["required"])
    for status in ("400", "401", "403", "404", "413", "503"):
        assert status in described["post"]["responses"]
