"""To the provider's consent page, and back."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from jackfield.errors import InvalidInput
from jackfield.oauth import Client, OAuth2Code
from jackfield.oauth.authorization import authorization_url, code_challenge, new_state, new_verifier, read_callback
from jackfield.oauth.errors import (
    CallbackIncomplete,
    CallbackRefused,
    ConsentDenied,
    IssuerMismatch,
    ProviderRefused,
    StateMismatch,
)

WAY = OAuth2Code(authorize_url="https://login.example.com/authorize", token_url="https://login.example.com/token")
ISSUER = "https://login.example.com"
# RFC 7636, appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def query_of(way: OAuth2Code, **more: Any) -> dict[str, str]:
    url = authorization_url(
        way, Client("shop", "hush"), redirect_uri="https://hub.example/back?a=b", state="st", verifier=VERIFIER, **more
    )
    assert "hush" not in url
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


def test_the_browser_is_sent_with_everything_the_provider_must_know():
    assert query_of(WAY) == {
        "response_type": "code",
        "client_id": "shop",
        "redirect_uri": "https://hub.example/back?a=b",
        "state": "st",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }


def test_scopes_audience_and_further_parameters_are_sent_as_the_way_says():
    way = OAuth2Code(
        authorize_url="https://login.example.com/authorize?tenant=7",
        token_url="https://login.example.com/token",
        scopes=["read", "write:all"],
        scope_separator=",",
        audience="https://api.example.com",
        authorize_parameters={"access_type": "offline", "prompt": "consent"},
        uses_pkce=False,
    )

    assert query_of(way) == {
        "tenant": "7",
        "response_type": "code",
        "client_id": "shop",
        "redirect_uri": "https://hub.example/back?a=b",
        "state": "st",
        "scope": "read,write:all",
        "audience": "https://api.example.com",
        "access_type": "offline",
        "prompt": "consent",
    }
    assert query_of(way, scopes=["read"])["scope"] == "read"
    assert "scope" not in query_of(way, scopes=[])


def test_the_user_data_says_where_the_provider_is_and_can_send_nobody_elsewhere():
    way = OAuth2Code(authorize_url="https://{shop}.example.com/authorize", token_url="https://{shop}.example.com/token")

    url = authorization_url(
        way, Client("c"), redirect_uri="https://hub.example", state="s", verifier=VERIFIER, user_data={"shop": "acme"}
    )

    assert url.startswith("https://acme.example.com/authorize?")
    with pytest.raises(InvalidInput, match="letters, digits and hyphens only"):
        query_of(way, user_data={"shop": "evil.test/?"})


def test_states_and_verifiers_are_unguessable_and_fit_their_rules():
    assert len({new_state() for _ in range(100)}) == len({new_verifier() for _ in range(100)}) == 100
    assert len(code_challenge(new_verifier())) == 43
    with pytest.raises(ValueError, match="43 to 128"):
        code_challenge("short")


def test_a_callback_gives_the_code():
    assert read_callback("code=c%2F1&state=st", state="st") == "c/1"
    assert read_callback(urlencode({"code": "c", "state": "st", "iss": ISSUER}), state="st", issuer=ISSUER) == "c"
    assert read_callback("code=c&state=st&iss=https%3A%2F%2Fwhoever", state="st") == "c"


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("", StateMismatch),
        ("code=c", StateMismatch),
        ("code=c&state=", StateMismatch),
        ("code=c&state=other", StateMismatch),
        ("code=c&state=ST", StateMismatch),
        ("code=c&state=st%00", StateMismatch),
        ("code=c&State=st", StateMismatch),
        ("code=c&state=%ff%fe", StateMismatch),
        ("code=c&state=\ud800", StateMismatch),
        ("error=access_denied", StateMismatch),
        (f"code=c&iss={ISSUER}", StateMismatch),
        ("code=c&state=st", IssuerMismatch),
        ("code=c&state=st&iss=", IssuerMismatch),
        ("code=c&state=st&iss=https://evil.test", IssuerMismatch),
        (f"code=c&state=st&iss={ISSUER}/", IssuerMismatch),
        (f"code=c&state=st&iss={ISSUER.upper()}", IssuerMismatch),
        ("error=access_denied&state=st", IssuerMismatch),
        (f"state=st&iss={ISSUER}", CallbackIncomplete),
        (f"code=&state=st&iss={ISSUER}", CallbackIncomplete),
        (f"code=a&code=b&state=st&iss={ISSUER}", CallbackIncomplete),
        (f"code=a&state=st&state=st&iss={ISSUER}", CallbackIncomplete),
        (f"code=a&state=st&iss={ISSUER}&iss=https://evil.test", CallbackIncomplete),
        (f"code=a&state=st&iss={ISSUER}&padding={'x' * 20_000}", CallbackIncomplete),
        (f"error=access_denied&state=st&iss={ISSUER}", ConsentDenied),
        (f"error=access_denied&code=c&state=st&iss={ISSUER}", ConsentDenied),
        (f"error=server_error&state=st&iss={ISSUER}", ProviderRefused),
        (f"error=&state=st&iss={ISSUER}", ProviderRefused),
        (f"error=<script>&state=st&iss={ISSUER}", ProviderRefused),
    ],
)
def test_a_callback_that_proves_nothing_signs_nobody_in(query: str, refusal: type[CallbackRefused]):
    with pytest.raises(refusal) as refused:
        read_callback(query, state="st", issuer=ISSUER)

    assert type(refused.value) is refusal


def test_no_callback_fits_a_session_that_expects_none():
    with pytest.raises(StateMismatch):
        read_callback("code=c&state=", state="")


def test_a_refusal_says_what_to_do_and_repeats_nothing_it_does_not_know():
    with pytest.raises(ProviderRefused, match=r"\(invalid_scope\): it does not know one of the scopes"):
        read_callback("error=invalid_scope&error_description=planted&state=st", state="st")
    with pytest.raises(ProviderRefused) as refused:
        read_callback("error=planted-secret&error_description=planted-secret&state=st", state="st")
    assert "planted" not in refused.value.message
