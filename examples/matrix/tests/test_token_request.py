"""Get an access token."""

import pytest
from jackfield.testing import FakeService, run

from matrix.operations.token_request import SignIn, token_request

TYPED = {"server": "https://matrix.example", "user": "ada", "password": "correct horse"}


def test_a_name_and_a_password_are_exchanged_for_tokens() -> None:
    synapse = FakeService()
    synapse.post("/login", json={"access_token": "a1", "refresh_token": "r1", "expires_in_ms": 300_000})

    answer = run(token_request, SignIn(TYPED), service=synapse)

    assert answer["body"] == {"access_token": "a1", "refresh_token": "r1", "expires_in_ms": 300_000}
    assert synapse.requests[0].json() == {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": "ada"},
        "password": "correct horse",
        "refresh_token": True,
    }


def test_a_refresh_token_is_exchanged_for_the_next_one_and_no_password_is_sent() -> None:
    synapse = FakeService()
    synapse.post("/refresh", json={"access_token": "a2", "refresh_token": "r2", "expires_in_ms": 300_000})

    answer = run(token_request, SignIn(TYPED, refresh_token="r1"), service=synapse)

    assert answer["body"]["refresh_token"] == "r2"
    assert synapse.requests[0].json() == {"refresh_token": "r1"}


@pytest.mark.parametrize(("status", "code"), [(403, "M_FORBIDDEN"), (401, "M_UNKNOWN_TOKEN")])
def test_a_refusal_is_said_in_the_words_of_oauth(status: int, code: str) -> None:
    synapse = FakeService()
    synapse.post("/login", status=status, json={"errcode": code, "error": "Invalid username or password"})

    answer = run(token_request, SignIn(TYPED), service=synapse)

    assert answer == {"status_code": 400, "headers": {}, "body": {"error": "invalid_grant"}}
