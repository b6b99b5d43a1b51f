"""Check 49 of the public contract: whatever is refused is refused in JSON, with a message."""

from __future__ import annotations

import pytest

from tests.hub.people import Person


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/core/v1/connectors/none/versions/1.0/operations", 404),
        ("POST", "/core/v1/connectors/none/versions/1.0/call", 404),
        ("GET", "/core/v1/connectors/none/versions/1.0/call", 405),
        ("DELETE", "/core/v1/connectors", 405),
        ("PUT", "/v1/me", 405),
        ("GET", "/core/v1/services/none/versions/1/environments", 404),
        ("GET", "/core/v1/services/none/versions/one/environments", 400),
        ("GET", "/core/v1/authentications/not-a-uuid", 404),
        ("GET", "/cdk/v1/deployments/connectors/none/versions/1.0/latest", 404),
        ("POST", "/core/v1/authentications", 400),
        ("POST", "/cdk/v1/deployments/connectors/none/versions/1.0/deploy-connector-from-source", 400),
    ],
)
async def test_check_49_a_refusal_is_json_with_a_message(alice: Person, method: str, path: str, status: int):
    body = b'{"operation": "x", "input": {}}' if path.endswith("/call") else None

    answer = await alice.send(method, path, body)

    assert answer.status == status
    assert answer.headers["content-type"].startswith("application/json")
    assert isinstance(answer.json["message"], str)
    assert answer.json["message"]


@pytest.mark.parametrize("path", ["/core/v1/connectors", "/v1/me", "/core/v1/connectors/x/versions/1.0/operations"])
async def test_check_49_without_a_token_the_answer_is_the_documented_one(alice: Person, path: str):
    answer = await alice.without_token().get(path)

    assert (answer.status, answer.json) == (401, {"message": "The request is unauthorized"})


async def test_check_49_without_a_token_a_call_is_refused_the_same_way(alice: Person):
    answer = await alice.without_token().post("/core/v1/connectors/x/versions/1.0/call", {"operation": "x"})

    assert (answer.status, answer.json) == (401, {"message": "The request is unauthorized"})
