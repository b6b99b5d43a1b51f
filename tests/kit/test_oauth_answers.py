"""What token endpoints answer, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jackfield.exchange import Response
from jackfield.oauth import ClientOwner, Expiry, OAuth2Code, OAuth2Password, TokenRequest
from jackfield.oauth.errors import InvalidClient, InvalidGrant, InvalidScope, ProviderBroken, TokenRefused
from jackfield.oauth.token_answers import (
    Tokens,
    needs_refresh,
    read_token_answer,
    token_operation_answer,
    with_expiry,
)

WAY = OAuth2Code(
    authorize_url="https://login.example.com/authorize", token_url="https://login.example.com/token", scopes=["read"]
)
NOW = 1_800_000_000.0


def answer(status: int = 200, /, **members: Any) -> Response:
    return Response(status, (("Content-Type", "application/json"),), json.dumps(members).encode())


def way(**settings: Any) -> OAuth2Password:
    return OAuth2Password(token_url="https://login.example.com/token", **settings)


def test_tokens_are_read_and_stored():
    response = answer(
        access_token="a1", refresh_token="r1", token_type="bearer", expires_in=3600, scope="read write", team="acme"
    )

    stored = read_token_answer(WAY, response, NOW).merged_into({})

    assert stored == {
        "accessToken": "a1",
        "refreshToken": "r1",
        "tokenType": "bearer",
        "expiresIn": 3600,
        "expiresAt": NOW + 3600,
        "scopes": ["read", "write"],
        "extras": {"team": "acme"},
    }


@pytest.mark.parametrize(
    ("settings", "members", "seconds"),
    [
        ({}, {"expires_in": 3600}, 3600),
        ({}, {"expires_in": "3600"}, 3600),
        ({}, {"expires_in": 1.5}, 1.5),
        ({}, {"expires_in": 0}, 0),
        ({}, {"expires_in": -5}, 0),
        ({}, {}, None),
        ({}, {"expires_in": None}, None),
        ({}, {"expires_in": "soon"}, None),
        ({}, {"expires_in": True}, None),
        ({}, {"expires_in": [1]}, None),
        ({}, {"expires_in": "inf"}, None),
        ({}, {"expires_in": "1e999"}, None),
        ({"lifetime_seconds": 900}, {}, 900),
        ({"lifetime_seconds": 900}, {"expires_in": "never"}, 900),
        ({"lifetime_seconds": 900}, {"expires_in": 60}, 60),
        ({"expires_in_field": "expires"}, {"expires": "5184000"}, 5184000),
        ({"expires_in_field": "expires_in_ms", "expiry": Expiry.MILLISECONDS}, {"expires_in_ms": 300_000}, 300),
        ({"expires_in_field": "expires_at", "expiry": Expiry.MOMENT}, {"expires_at": NOW + 90}, 90),
        ({"expires_in_field": "expires_at", "expiry": Expiry.MOMENT}, {"expires_at": str(int(NOW + 90))}, 90),
        ({"expires_in_field": "expires_at", "expiry": Expiry.MOMENT}, {"expires_at": "2027-01-15T08:01:30Z"}, 90),
        ({"expires_in_field": "expires_at", "expiry": Expiry.MOMENT}, {"expires_at": "2027-01-15T10:01:30+02:00"}, 90),
        ({"expires_in_field": "expires_at", "expiry": Expiry.MOMENT}, {"expires_at": "2027-01-15T08:01:30"}, 90),
        ({"expires_in_field": "expires_at", "expiry": Expiry.MOMENT}, {"expires_at": "tomorrow"}, None),
        ({"expires_in_field": "expires_at", "expiry": Expiry.MOMENT}, {"expires_at": NOW - 90}, 0),
    ],
)
def test_every_way_to_say_when_a_token_ends_is_understood(
    settings: dict[str, Any], members: dict[str, Any], seconds: float | None
):
    tokens = read_token_answer(way(**settings), answer(access_token="a", **members), NOW)

    assert tokens.expires_in == seconds
    assert tokens.expires_at == (None if seconds is None else NOW + seconds)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (None, ("read",)),
        ("", ("read",)),
        ("read write", ("read", "write")),
        ("repo,gist", ("repo", "gist")),
        (["a", "b", 3], ("a", "b")),
        (7, ("read",)),
    ],
)
def test_scopes_are_those_of_the_answer_or_else_those_that_were_asked_for(scope: Any, expected: tuple[str, ...]):
    assert read_token_answer(WAY, answer(access_token="a", scope=scope), NOW).scopes == expected
    assert read_token_answer(WAY, answer(access_token="a"), NOW, ["mine"]).scopes == ("mine",)


def test_an_answer_may_be_a_form_whatever_its_label():
    body = b"access_token=gho_1&expires_in=28800&refresh_token=ghr_1&scope=repo%2Cgist&token_type=bearer"

    tokens = read_token_answer(WAY, Response(200, (("Content-Type", "text/plain"),), body), NOW)

    assert (tokens.access_token, tokens.refresh_token, tokens.expires_in) == ("gho_1", "ghr_1", 28800)
    assert tokens.scopes == ("repo", "gist")


@pytest.mark.parametrize(
    ("response", "refusal"),
    [
        (answer(400, error="invalid_grant"), InvalidGrant),
        (answer(401, error="invalid_grant"), InvalidGrant),
        (answer(200, error="bad_verification_code", error_description="…"), InvalidGrant),
        (Response(200, (), b"error=bad_refresh_token&error_description=no"), InvalidGrant),
        (answer(200, ok=False, error="invalid_refresh_token"), InvalidGrant),
        (answer(400, error="invalid_client"), InvalidClient),
        (answer(401), InvalidClient),
        (Response(401, (), b"<html>who?</html>"), InvalidClient),
        (answer(200, error="incorrect_client_credentials"), InvalidClient),
        (answer(400, error="unauthorized_client"), InvalidClient),
        (answer(400, error="invalid_scope"), InvalidScope),
        (answer(400, error="invalid_request"), TokenRefused),
        (answer(400, error="something_of_their_own"), TokenRefused),
        (answer(400, error={"message": "no", "code": 190}), TokenRefused),
        (answer(400), TokenRefused),
        (answer(403), TokenRefused),
        (Response(404, (), b"Not Found"), TokenRefused),
        (Response(302, (("Location", "/login"),)), TokenRefused),
        (answer(500, error="invalid_grant"), ProviderBroken),
        (answer(503), ProviderBroken),
        (answer(429, error="slow_down"), ProviderBroken),
        (answer(408), ProviderBroken),
        (answer(400, error="temporarily_unavailable"), ProviderBroken),
        (answer(200), ProviderBroken),
        (Response(200), ProviderBroken),
        (Response(200, (), b"<html>maintenance</html>"), ProviderBroken),
        (Response(200, (), b'{"access_token": "a'), ProviderBroken),
        (Response(200, (), b"[]"), ProviderBroken),
        (Response(200, (), b"\xff\xfe\x00"), ProviderBroken),
        (answer(access_token=""), ProviderBroken),
        (answer(access_token=None), ProviderBroken),
        (answer(access_token=7), ProviderBroken),
        (answer(access_token="a\r\nX-Admin: yes"), ProviderBroken),
        (answer(access_token="a b"), ProviderBroken),
        (answer(access_token="a", refresh_token={"x": 1}), ProviderBroken),
        (answer(access_token="a", token_type="DPoP"), TokenRefused),
    ],
)
def test_a_refusal_has_the_class_that_says_what_to_do(response: Response, refusal: type[TokenRefused]):
    with pytest.raises(refusal) as refused:
        read_token_answer(WAY, response, NOW)

    assert type(refused.value) is refusal


@pytest.mark.parametrize("refused", [answer(401), answer(400, error="invalid_client")])
def test_a_wrong_client_is_looked_for_where_it_is_kept(refused: Response):
    ways = {
        "client id and secret of the service's OAuth settings": way(),
        "client id and secret of this authentication": way(client_owner=ClientOwner.AUTH),
        "filled in for this authentication": TokenRequest(),
    }

    for place, tried in ways.items():
        with pytest.raises(InvalidClient, match=place):
            read_token_answer(tried, refused, NOW)


def test_success_may_carry_an_empty_error():
    assert read_token_answer(WAY, answer(access_token="a", error=None), NOW).access_token == "a"


def test_a_pause_the_provider_asks_for_is_told():
    with pytest.raises(ProviderBroken) as refused:
        read_token_answer(WAY, Response(429, (("Retry-After", "17"),)), NOW)

    assert refused.value.retry_after_seconds == 17


@pytest.mark.parametrize(
    "response",
    [
        answer(400, error="invalid_grant", error_description="refresh token planted-secret was used"),
        answer(400, error="planted-secret"),
        answer(400, error="planted_secret", refresh_token="planted-secret"),
        answer(500, message="planted-secret"),
        answer(200, message="planted-secret"),
        answer(200, access_token="planted-secret\n"),
        answer(200, access_token="a", token_type="mac", mac_key="planted-secret"),
        Response(401, (), b"client planted-secret"),
        Response(400, (), b"error=planted-secret"),
        Response(200, (), b"planted-secret"),
    ],
)
def test_a_refusal_never_repeats_what_the_provider_wrote(response: Response):
    with pytest.raises(TokenRefused) as refused:
        read_token_answer(WAY, response, NOW)

    output = refused.value.to_output()
    assert "planted" not in json.dumps(output)
    assert output["code"] == "#oauth_refresh"
    assert "response" not in output
    assert refused.value.__cause__ is None


def test_tokens_are_not_seen_when_printed():
    tokens = Tokens("planted-access", "planted-refresh", extras={"id_token": "planted-identity"})

    assert "planted" not in repr(tokens)


def test_a_refresh_token_that_was_not_replaced_stays():
    previous = {"accessToken": "a1", "refreshToken": "r1", "extras": {"team": "acme", "id_token": "i1"}}

    for silence in ({}, {"refresh_token": None}, {"refresh_token": ""}):
        stored = read_token_answer(WAY, answer(access_token="a2", id_token="i2", **silence), NOW).merged_into(previous)
        assert (stored["accessToken"], stored["refreshToken"]) == ("a2", "r1")
        assert stored["extras"] == {"team": "acme", "id_token": "i2"}

    rotated = read_token_answer(WAY, answer(access_token="a2", refresh_token="r2"), NOW).merged_into(previous)
    assert rotated["refreshToken"] == "r2"


def test_silence_about_the_refresh_token_may_mean_its_end():
    tokens = read_token_answer(way(keeps_refresh_token=False), answer(access_token="a2"), NOW)

    assert "refreshToken" not in tokens.merged_into({"accessToken": "a1", "refreshToken": "r1"})


def test_what_somebody_typed_in_stays_and_an_old_expiry_goes():
    previous = {"username": "alice", "password": "p", "accessToken": "a1", "expiresIn": 60, "expiresAt": NOW}

    stored = read_token_answer(way(), answer(access_token="a2"), NOW).merged_into(previous)

    assert stored == {
        "username": "alice",
        "password": "p",
        "accessToken": "a2",
        "tokenType": "Bearer",
        "scopes": [],
        "extras": {},
    }


@pytest.mark.parametrize(
    ("credentials", "is_due"),
    [
        ({}, True),
        ({"accessToken": ""}, True),
        ({"accessToken": "a"}, False),
        ({"accessToken": "a", "expiresAt": NOW + 61}, False),
        ({"accessToken": "a", "expiresAt": NOW + 60}, True),
        ({"accessToken": "a", "expiresAt": NOW - 1}, True),
        ({"accessToken": "a", "expiresAt": str(NOW + 61)}, False),
        ({"accessToken": "a", "expiresAt": "whenever"}, False),
        ({"accessToken": "a", "expiresIn": 3600, "expiresAt": NOW + 61}, False),
        ({"accessToken": "a", "expiresIn": 3600, "expiresAt": NOW + 59}, True),
        # a token for eight seconds is not renewed with every call
        ({"accessToken": "a", "expiresIn": 8, "expiresAt": NOW + 7}, False),
        ({"accessToken": "a", "expiresIn": 8, "expiresAt": NOW + 2}, True),
        ({"accessToken": "a", "expiresIn": 0, "expiresAt": NOW}, True),
    ],
)
def test_a_token_is_renewed_a_little_before_its_end(credentials: dict[str, Any], is_due: bool):
    assert needs_refresh(WAY, credentials, NOW) is is_due


def test_credentials_from_elsewhere_are_given_the_moment_their_token_ends():
    assert with_expiry({"accessToken": "a", "expiresIn": 3600}, NOW)["expiresAt"] == NOW + 3600
    assert with_expiry({"accessToken": "a", "expiresIn": 3600, "expiresAt": 5}, NOW)["expiresAt"] == 5
    assert "expiresAt" not in with_expiry({"accessToken": "a"}, NOW)
    assert "expiresAt" not in with_expiry({"username": "alice", "expiresIn": 3600}, NOW)


def test_the_answer_of_a_connectors_own_token_operation_is_read_the_same():
    matrix = TokenRequest(expires_in_field="expires_in_ms", expiry=Expiry.MILLISECONDS)
    output = {"status_code": 200, "headers": {}, "body": {"access_token": "a", "expires_in_ms": 300000}}

    assert read_token_answer(matrix, token_operation_answer(output), NOW).expires_in == 300
    with pytest.raises(InvalidGrant):
        read_token_answer(matrix, token_operation_answer({"status_code": 400, "body": {"error": "invalid_grant"}}), NOW)


def test_a_token_operation_may_say_how_long_nobody_shall_ask_again():
    output = {"status_code": 429, "headers": {"retry-after": 17, "X-Odd": None, "X-List": ["a"]}, "body": {}}

    with pytest.raises(ProviderBroken) as refused:
        read_token_answer(TokenRequest(), token_operation_answer(output), NOW)

    assert refused.value.to_output()["retryAfterSeconds"] == 17


@pytest.mark.parametrize("output", [{}, {"status_code": "200", "body": {}}, {"status_code": 200, "body": "a"}])
def test_a_token_operation_must_say_status_and_body(output: dict[str, Any]):
    with pytest.raises(ProviderBroken, match="status_code and body"):
        token_operation_answer(output)
