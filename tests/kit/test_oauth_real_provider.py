"""The OAuth 2 dances against the real oidc-provider, which shares no code and no assumptions with us.

These tests run where node and the npm package are installed (`.venv-services/node`); elsewhere they are skipped.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from examples.servers.oidc import (
    ACCESS_SECONDS,
    IN_HEADER,
    IS_THERE,
    OLD_FASHIONED,
    PASSWORD,
    REDIRECT_URI,
    SECRET,
    WHY_NOT,
    Browser,
    oidc_provider,
    sign_in,
    way_to,
)
from examples.servers.plain_http import get, send
from jackfield.exchange import Request, Response
from jackfield.oauth import Client, ClientOwner, ClientPlace, OAuth2ClientCredentials, OAuth2Password
from jackfield.oauth.authorization import authorization_url, new_state, new_verifier, read_callback
from jackfield.oauth.errors import (
    ConsentDenied,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    ProviderRefused,
    TokenRefused,
)
from jackfield.oauth.token_answers import needs_refresh, read_token_answer
from jackfield.oauth.token_requests import client_credentials_request, code_request, refresh_request, renewal_request
from jackfield.oauth.ways import OAuth2

pytestmark = pytest.mark.skipif(not IS_THERE, reason=WHY_NOT)


@pytest.fixture(scope="module")
def origin() -> Generator[str]:
    with oidc_provider(REDIRECT_URI, ACCESS_SECONDS) as origin:
        yield origin


def renew(way: Any, client: Client, credentials: dict[str, Any]) -> dict[str, Any]:
    sent_at = time.time()
    return read_token_answer(way, send(renewal_request(way, client, credentials)), sent_at).merged_into(credentials)


def who_am_i(origin: str, way: OAuth2, credentials: dict[str, Any]) -> Response:
    return send(way.sign(Request("GET", f"{origin}/me"), credentials))


@pytest.mark.parametrize(
    ("client", "place"),
    [
        (IN_HEADER, ClientPlace.HEADER),
        (Client("in-body", SECRET), ClientPlace.BODY),
        (Client("public"), ClientPlace.HEADER),
    ],
)
def test_a_person_signs_in_with_a_code_and_pkce(origin: str, client: Client, place: ClientPlace):
    way, credentials = sign_in(origin, client, client_place=place)

    assert who_am_i(origin, way, credentials).readable_body() == {"sub": "alice"}
    assert credentials["refreshToken"]
    assert credentials["expiresIn"] == ACCESS_SECONDS
    assert set(credentials["scopes"]) == {"openid", "offline_access"}
    assert credentials["extras"]["id_token"] in way.secrets(credentials)


def test_a_secret_that_is_not_form_encoded_is_refused(origin: str):
    with pytest.raises(TokenRefused, match="invalid_request"):
        sign_in(origin, IN_HEADER, client_place=ClientPlace.HEADER_AS_IS)


def test_a_token_is_renewed_before_it_ends_and_refused_after(origin: str):
    way, first = sign_in(origin, IN_HEADER)

    assert not needs_refresh(way, first, first["expiresAt"] - ACCESS_SECONDS)
    assert needs_refresh(way, first, first["expiresAt"] - 0.1)
    second = renew(way, IN_HEADER, first)
    assert who_am_i(origin, way, second).status == 200
    time.sleep(max(0.0, first["expiresAt"] + 1.1 - time.time()))
    assert who_am_i(origin, way, first).status == 401


def test_a_used_refresh_token_ends_the_sign_in(origin: str):
    way, first = sign_in(origin, IN_HEADER)
    second = renew(way, IN_HEADER, first)
    assert second["refreshToken"] != first["refreshToken"]

    for token in (first, second):
        with pytest.raises(InvalidGrant):
            renew(way, IN_HEADER, token)


def test_parallel_renewals_with_one_refresh_token_lose_the_sign_in(origin: str):
    way, credentials = sign_in(origin, IN_HEADER)
    request = refresh_request(way, IN_HEADER, refresh_token=credentials["refreshToken"])

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(send, [request] * 8))

    winners = [answer for answer in answers if answer.status == 200]
    survivors = [read_token_answer(way, answer, time.time()).merged_into(credentials) for answer in winners]
    assert len(winners) < 8
    for survivor in survivors:
        with pytest.raises(InvalidGrant):
            renew(way, IN_HEADER, survivor)


@pytest.mark.parametrize("wrong", [{"verifier": new_verifier()}, {"redirect_uri": "http://127.0.0.1:9/other"}])
def test_a_code_is_bound_to_its_verifier_and_redirect_uri(origin: str, wrong: dict[str, str]):
    way, state, verifier = way_to(origin), new_state(), new_verifier()
    url = authorization_url(way, IN_HEADER, redirect_uri=REDIRECT_URI, state=state, verifier=verifier)
    code = read_callback(urlsplit(Browser().consent(url)).query, state=state, issuer=origin)
    said = {"redirect_uri": REDIRECT_URI, "verifier": verifier, **wrong}

    request = code_request(way, IN_HEADER, code=code, redirect_uri=said["redirect_uri"], verifier=said["verifier"])

    with pytest.raises(InvalidGrant):
        read_token_answer(way, send(request), time.time())


def test_without_pkce_the_provider_sends_the_browser_back_at_once(origin: str):
    with pytest.raises(ProviderRefused, match="invalid_request"):
        sign_in(origin, IN_HEADER, uses_pkce=False)


def test_a_person_may_say_no(origin: str):
    way, state = way_to(origin), new_state()
    url = authorization_url(way, IN_HEADER, redirect_uri=REDIRECT_URI, state=state, verifier=new_verifier())

    callback = Browser().consent(url, denies=True)

    with pytest.raises(ConsentDenied):
        read_callback(urlsplit(callback).query, state=state, issuer=origin)


def test_a_name_and_a_password_are_exchanged_for_a_token_which_is_renewed_without_them(origin: str):
    way = OAuth2Password(token_url=f"{origin}/token", scopes=["openid", "offline_access"])
    typed = {"username": "alice", "password": PASSWORD}

    first = renew(way, OLD_FASHIONED, typed)
    without = {name: value for name, value in first.items() if name not in typed}
    second = renew(way, OLD_FASHIONED, without)

    assert who_am_i(origin, way, first).readable_body() == {"sub": "alice"}
    assert who_am_i(origin, way, second).readable_body() == {"sub": "alice"}
    assert (first["expiresIn"], first["username"], first["password"]) == (ACCESS_SECONDS, "alice", PASSWORD)
    assert second["refreshToken"] != first["refreshToken"]
    for wrong in ({**typed, "password": "wonder land"}, {**typed, "username": "__proto__"}):
        with pytest.raises(InvalidGrant):
            renew(way, OLD_FASHIONED, wrong)
    with pytest.raises(InvalidClient):
        renew(way, Client(OLD_FASHIONED.client_id, "wrong"), typed)


def test_a_machine_signs_in_as_itself(origin: str):
    way = OAuth2ClientCredentials(token_url=f"{origin}/token", client_owner=ClientOwner.SERVICE)

    credentials = renew(way, Client("machine", "m: ch+ne%2B"), {})

    assert credentials["expiresIn"] == 60
    assert "refreshToken" not in credentials
    with pytest.raises(InvalidClient):
        renew(way, Client("machine", "wrong"), {})


def test_a_machine_may_name_what_the_token_is_for(origin: str):
    way = OAuth2ClientCredentials(
        token_url=f"{origin}/token", token_parameters={"resource": "urn:api"}, scopes=["api:read"]
    )
    machine = Client("machine", "m: ch+ne%2B")

    tokens = read_token_answer(way, send(client_credentials_request(way, machine)), time.time())

    assert tokens.access_token.count(".") == 2, "a JWT, as the resource wants it"
    assert tokens.scopes == ("api:read",)
    elsewhere = replace(way, token_parameters={"resource": "urn:elsewhere"})
    with pytest.raises(InvalidScope, match="invalid_target"):
        read_token_answer(elsewhere, send(client_credentials_request(elsewhere, machine)), time.time())


def test_the_issuer_is_what_the_provider_calls_itself(origin: str):
    metadata = get(f"{origin}/.well-known/openid-configuration").readable_body()

    assert metadata["issuer"] == origin
    assert metadata["authorization_response_iss_parameter_supported"] is True
