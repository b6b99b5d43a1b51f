"""Get account, get provider."""

import pytest
from jackfield import NotFound, NotSignedIn
from jackfield.testing import FakeService, run

from oidc_account.operations.get_account import get_account
from oidc_account.operations.get_provider import get_provider, scope_choices

PROVIDER = {"provider": "https://login.example.com"}
KNOWN = {
    "issuer": "https://login.example.com",
    "userinfo_endpoint": "https://service.test/me",
    "scopes_supported": ["openid", "email"],
    "code_challenge_methods_supported": ["S256"],
}


def provider(**more: object) -> FakeService:
    service = FakeService()
    service.get("/.well-known/openid-configuration", json={**KNOWN, **more})
    return service


def test_the_account_is_read_where_the_provider_says_it_is():
    service = provider()
    service.get("/me", json={"sub": "alice", "email": "alice@example.com"})

    assert run(get_account, service=service, user_data=PROVIDER)["sub"] == "alice"


def test_a_sign_in_that_is_over_says_what_to_do():
    service = provider()
    service.get("/me", status=401)

    with pytest.raises(NotSignedIn, match="Sign in again"):
        run(get_account, service=service, user_data=PROVIDER)


def test_what_the_provider_does_not_offer_is_said():
    service = FakeService()
    service.get("/.well-known/openid-configuration", json={"issuer": "https://login.example.com"})

    with pytest.raises(NotFound, match="no userinfo_endpoint"):
        run(get_account, service=service, user_data=PROVIDER)


def test_an_address_without_a_provider_is_said():
    service = FakeService()
    service.get("/.well-known/openid-configuration", status=404)

    with pytest.raises(NotFound, match="Take the issuer"):
        run(get_provider, service=service, user_data=PROVIDER)


def test_a_provider_tells_what_it_can_do():
    assert run(get_provider, service=provider(), user_data=PROVIDER) == {
        "issuer": "https://login.example.com",
        "scopes": ["openid", "email"],
        "has_pkce": True,
    }
    assert len(run(scope_choices, service=provider(), user_data=PROVIDER)["result"]) == 2
