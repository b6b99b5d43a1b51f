"""The whole OAuth 2 dance against the fake provider, over a real socket; the provider is as strict as it says."""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from http.client import RemoteDisconnected
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from examples.servers.plain_http import get, send
from jackfield.exchange import Request
from jackfield.oauth import Client, ClientPlace, OAuth2Code, TokenBody
from jackfield.oauth.authorization import authorization_url, new_state, new_verifier, read_callback
from jackfield.oauth.errors import ConsentDenied, InvalidClient, InvalidGrant, ProviderBroken, ProviderRefused
from jackfield.oauth.token_answers import needs_refresh, read_token_answer
from jackfield.oauth.token_requests import code_request, refresh_request, renewal_request
from jackfield.testing_oauth import FakeOAuthProvider, SaidExpiry

REDIRECT_URI = "https://hub.example/back"


@pytest.fixture
def provider() -> Generator[FakeOAuthProvider]:
    with FakeOAuthProvider() as provider:
        yield provider


def consent(provider: FakeOAuthProvider, way: OAuth2Code, verifier: str) -> str:
    """Return the code that a person's consent gives."""
    state = new_state()
    url = authorization_url(way, provider.client, redirect_uri=REDIRECT_URI, state=state, verifier=verifier)
    callback = provider.consent(url)
    assert callback.startswith(REDIRECT_URI)
    return read_callback(urlsplit(callback).query, state=state, issuer=way.issuer)


def sign_in(provider: FakeOAuthProvider, **settings: Any) -> tuple[OAuth2Code, dict[str, Any]]:
    way, verifier = provider.way(scopes=["read", "write"], **settings), new_verifier()
    code = consent(provider, way, verifier)
    request = code_request(way, provider.client, code=code, redirect_uri=REDIRECT_URI, verifier=verifier)
    return way, read_token_answer(way, send(request), time.time()).merged_into({})


def renew(provider: FakeOAuthProvider, way: Any, credentials: dict[str, Any]) -> dict[str, Any]:
    request = renewal_request(way, provider.client, credentials)
    return read_token_answer(way, send(request), time.time()).merged_into(credentials)


def status_of(provider: FakeOAuthProvider, way: OAuth2Code, credentials: dict[str, Any]) -> int:
    return send(way.sign(Request("GET", provider.resource_url), credentials)).status


def test_a_person_signs_in_and_uses_the_token(provider: FakeOAuthProvider):
    way, credentials = sign_in(provider)

    answer = send(way.sign(Request("GET", provider.resource_url), credentials))

    assert answer.readable_body() == {"subject": "alice", "scopes": ["read", "write"]}
    assert credentials["expiresIn"] == 3600
    assert credentials["scopes"] == ["read", "write"]
    assert get(provider.resource_url).status == 401


@pytest.mark.parametrize("place", list(ClientPlace))
@pytest.mark.parametrize("body", list(TokenBody))
@pytest.mark.parametrize("secret", ["plain", "s3cr+t/=&%?", "pä ss:wörd", "100%25"])
def test_every_place_for_the_client_works_and_no_other(place: ClientPlace, body: TokenBody, secret: str):
    with FakeOAuthProvider(client=Client("shop & co", secret)) as provider:
        provider.habits.client_place = place
        _, credentials = sign_in(provider, token_body=body)
        assert credentials["accessToken"]

        other = ClientPlace.BODY if place is not ClientPlace.BODY else ClientPlace.HEADER
        with pytest.raises(InvalidClient):
            sign_in(provider, client_place=other)


def test_a_public_client_signs_in_with_pkce_alone():
    with FakeOAuthProvider(client=Client("public")) as provider:
        way, credentials = sign_in(provider)

        assert status_of(provider, way, credentials) == 200


def test_a_refresh_token_is_replaced_each_time(provider: FakeOAuthProvider):
    way, first = sign_in(provider)
    second = renew(provider, way, first)
    third = renew(provider, way, second)

    assert len({first["refreshToken"], second["refreshToken"], third["refreshToken"]}) == 3
    assert status_of(provider, way, third) == 200
    assert (provider.refreshes, provider.reuses_seen, provider.grants_alive) == (2, 0, 1)


def test_a_refresh_token_that_comes_twice_ends_the_sign_in(provider: FakeOAuthProvider):
    way, first = sign_in(provider)
    second = renew(provider, way, first)

    with pytest.raises(InvalidGrant):
        renew(provider, way, first)

    assert (provider.reuses_seen, provider.grants_alive) == (1, 0)
    assert status_of(provider, way, second) == 401
    with pytest.raises(InvalidGrant):
        renew(provider, way, second)


def test_of_many_renewals_at_once_one_succeeds_and_the_sign_in_ends(provider: FakeOAuthProvider):
    way, credentials = sign_in(provider)
    request = refresh_request(way, provider.client, refresh_token=credentials["refreshToken"])

    with ThreadPoolExecutor(20) as callers:
        statuses = sorted(answer.status for answer in callers.map(send, [request] * 20))

    assert statuses == [200] + [400] * 19
    assert (provider.refreshes, provider.reuses_seen, provider.grants_alive) == (1, 19, 0)


def test_an_omitted_refresh_token_stays_good(provider: FakeOAuthProvider):
    provider.habits.omits_refresh_token = True
    way, first = sign_in(provider)

    second = renew(provider, way, first)
    third = renew(provider, way, second)

    assert first["refreshToken"] == third["refreshToken"]
    assert first["accessToken"] != third["accessToken"]


def test_a_code_works_once_and_its_second_use_ends_the_sign_in(provider: FakeOAuthProvider):
    way, verifier = provider.way(), new_verifier()
    code = consent(provider, way, verifier)
    request = code_request(way, provider.client, code=code, redirect_uri=REDIRECT_URI, verifier=verifier)
    credentials = read_token_answer(way, send(request), time.time()).merged_into({})

    with pytest.raises(InvalidGrant):
        read_token_answer(way, send(request), time.time())

    assert status_of(provider, way, credentials) == 401


@pytest.mark.parametrize("wrong", [{"verifier": new_verifier()}, {"redirect_uri": REDIRECT_URI + "/"}, {"code": "x"}])
def test_a_code_is_bound_to_its_verifier_and_redirect_uri(provider: FakeOAuthProvider, wrong: dict[str, Any]):
    way, verifier = provider.way(), new_verifier()
    said: dict[str, Any] = {
        "code": consent(provider, way, verifier),
        "redirect_uri": REDIRECT_URI,
        "verifier": verifier,
        **wrong,
    }

    with pytest.raises(InvalidGrant):
        read_token_answer(way, send(code_request(way, provider.client, **said)), time.time())


def test_a_way_without_pkce_is_refused(provider: FakeOAuthProvider):
    with pytest.raises(ProviderRefused, match="invalid_request"):
        sign_in(provider, uses_pkce=False)

    provider.habits.requires_pkce = False
    way, credentials = sign_in(provider, uses_pkce=False)
    assert status_of(provider, way, credentials) == 200


def test_a_person_may_say_no(provider: FakeOAuthProvider):
    provider.habits.denies_consent = True

    with pytest.raises(ConsentDenied):
        sign_in(provider)


def test_a_consent_page_has_a_yes_and_a_no(provider: FakeOAuthProvider):
    provider.habits.asks_for_consent = True
    url = authorization_url(
        provider.way(scopes=["<b>all</b>"]),
        provider.client,
        redirect_uri=REDIRECT_URI,
        state="st",
        verifier=new_verifier(),
    )

    page = get(url).text
    refused = send(Request("POST", url, body=b"decision=deny")).header("Location")

    assert "&lt;b&gt;all" in page
    assert refused is not None
    assert parse_qs(urlsplit(refused).query)["error"] == ["access_denied"]
    assert "code=" in provider.consent(url)


def test_a_browser_is_never_sent_to_an_address_that_is_not_registered():
    with (
        FakeOAuthProvider(redirect_uris=("https://hub.example/other",)) as provider,
        pytest.raises(AssertionError, match="unknown client_id or redirect_uri"),
    ):
        sign_in(provider)


def test_expired_and_revoked_tokens_are_refused(provider: FakeOAuthProvider):
    way, credentials = sign_in(provider)

    provider.expire_access_tokens()
    assert status_of(provider, way, credentials) == 401
    credentials = renew(provider, way, credentials)
    assert status_of(provider, way, credentials) == 200

    provider.revoke_everything()
    assert status_of(provider, way, credentials) == 401
    with pytest.raises(InvalidGrant):
        renew(provider, way, credentials)


def test_a_clock_that_is_ahead_ends_tokens_which_still_seem_good(provider: FakeOAuthProvider):
    provider.habits.clock_ahead_seconds = 3601
    way, credentials = sign_in(provider)

    assert not needs_refresh(way, credentials, time.time())
    assert status_of(provider, way, credentials) == 401


@pytest.mark.parametrize(
    ("said", "expires_in"), [(SaidExpiry.NUMBER, 90), (SaidExpiry.TEXT, 90), (SaidExpiry.NOTHING, 1800)]
)
def test_a_token_may_end_without_saying_when(provider: FakeOAuthProvider, said: SaidExpiry, expires_in: float):
    provider.habits.said_expiry = said
    provider.habits.access_token_seconds = 90
    provider.habits.says_scope = False

    _, credentials = sign_in(provider, lifetime_seconds=1800)

    assert credentials["expiresIn"] == expires_in
    assert credentials["scopes"] == ["read", "write"]


def test_answers_may_be_forms_and_errors_may_look_like_success(provider: FakeOAuthProvider):
    provider.habits.answers_forms = True
    provider.habits.refuses_with_200 = True

    way, credentials = sign_in(provider)

    assert status_of(provider, way, credentials) == 200
    with pytest.raises(InvalidGrant):
        renew(provider, way, {**credentials, "refreshToken": "made-up"})


def test_a_provider_can_be_told_to_fail(provider: FakeOAuthProvider):
    way, credentials = sign_in(provider)
    provider.answer_next_with(503, "<h1>maintenance</h1>", {"Retry-After": "3"})
    provider.answer_next_with(400, {"error": "invalid_grant"})

    with pytest.raises(ProviderBroken) as refused:
        renew(provider, way, credentials)
    assert refused.value.retry_after_seconds == 3
    with pytest.raises(InvalidGrant):
        renew(provider, way, credentials)

    assert renew(provider, way, credentials)["accessToken"]
    assert [seen.error for seen in provider.token_requests] == ["", "HTTP 503", "HTTP 400", ""]
    assert provider.refreshes == 1


def test_a_lost_answer_has_spent_the_refresh_token(provider: FakeOAuthProvider):
    way, credentials = sign_in(provider)
    provider.lose_next_answer()

    with pytest.raises((RemoteDisconnected, ConnectionError)):
        renew(provider, way, credentials)

    with pytest.raises(InvalidGrant):
        renew(provider, way, credentials)
    assert (provider.refreshes, provider.reuses_seen) == (1, 1)


def test_a_slow_token_endpoint_works_at_once_and_answers_later(provider: FakeOAuthProvider):
    way, credentials = sign_in(provider)
    provider.habits.token_delay_seconds = 0.5

    started = time.monotonic()
    with ThreadPoolExecutor(1) as caller:
        renewal = caller.submit(renew, provider, way, credentials)
        while not provider.refreshes:
            time.sleep(0.005)
        worked_after = time.monotonic() - started
        renewal.result()

    assert time.monotonic() - started >= 0.5
    assert worked_after < time.monotonic() - started


def test_names_and_passwords_are_exchanged_and_then_renewed(provider: FakeOAuthProvider):
    way = provider.password_way(scopes=["read"])
    typed = {"username": "alice", "password": "wonderland"}

    first = renew(provider, way, typed)
    second = renew(provider, way, first)

    assert second["password"] == "wonderland"
    assert [seen.grant_type for seen in provider.token_requests] == ["password", "refresh_token"]
    with pytest.raises(InvalidGrant):
        renew(provider, way, {"username": "alice", "password": "looking-glass"})


def test_a_machine_signs_in_as_itself(provider: FakeOAuthProvider):
    way = provider.machine_way(scopes=["read"])

    credentials = renew(provider, way, {})

    answer = send(way.sign(Request("GET", provider.resource_url), credentials))
    assert answer.readable_body() == {"subject": "fake-client", "scopes": ["read"]}
    assert "refreshToken" not in credentials
