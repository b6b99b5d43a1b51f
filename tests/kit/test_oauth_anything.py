"""Whatever a provider or a browser sends, the outcome is tokens, a code, or a refusal with a class: never a crash."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.exchange import Response
from jackfield.oauth import Expiry, OAuth1, OAuth2Password
from jackfield.oauth.authorization import read_callback
from jackfield.oauth.errors import CallbackRefused, TokenRefused
from jackfield.oauth.oauth1 import read_access_token, read_temporary_token, read_verifier
from jackfield.oauth.signature import Token
from jackfield.oauth.token_answers import needs_refresh, read_token_answer

unhurried = settings(deadline=None)
NOW = 1_800_000_000.0
MEMBERS = ["access_token", "refresh_token", "token_type", "expires_in", "scope", "error", "error_description", "more"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
TEXTS = st.sampled_from(
    ["a", "t0ken", "3600", "1e999", "-1", "2030-01-01T00:00:00Z", "0001-01-01", "invalid_grant", ""]
)
ANSWERS = st.dictionaries(st.sampled_from(MEMBERS), JSON | TEXTS).map(lambda answer: json.dumps(answer).encode())
STATUSES = st.sampled_from([200, 201, 204, 302, 400, 401, 403, 429, 500, 503])


@unhurried
@given(STATUSES, ANSWERS | st.binary(), st.sampled_from(Expiry), st.text(max_size=9))
def test_a_token_answer_is_tokens_or_a_refusal(status: int, body: bytes, expiry: Expiry, pause: str):
    way = OAuth2Password(token_url="https://login.example.com/token", expiry=expiry)

    try:
        tokens = read_token_answer(way, Response(status, (("Retry-After", pause),), body), NOW)
    except TokenRefused:
        return

    stored: dict[str, Any] = json.loads(json.dumps(tokens.merged_into({})))
    assert stored["accessToken"].isprintable()
    assert isinstance(needs_refresh(way, stored, NOW), bool)
    assert not (tokens.expires_in or 0) < 0


@given(
    st.text() | st.text().map(lambda text: f"state=st&code={text}") | st.binary().map(lambda raw: raw.decode("latin1"))
)
def test_a_callback_is_a_code_or_a_refusal(query: str):
    for read in (lambda: read_callback(query, state="st"), lambda: read_verifier(query, Token("st"))):
        with suppress(CallbackRefused):
            assert read()


@unhurried
@given(STATUSES, st.binary() | st.text().map(lambda text: f"oauth_token={text}&oauth_token_secret=s".encode()))
def test_an_oauth_1_answer_is_a_token_or_a_refusal(status: int, body: bytes):
    way = OAuth1(
        request_url="https://a.example/r", authorize_url="https://a.example/a", access_url="https://a.example/t"
    )
    for read in (read_temporary_token, read_access_token):
        with suppress(TokenRefused):
            assert read(way, Response(status, (), body))
