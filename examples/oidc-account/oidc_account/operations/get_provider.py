"""Get provider."""

from typing import TypedDict

from jackfield import Choice, Http

from oidc_account.connector import oidc_account
from oidc_account.provider import configuration


class ProviderInfo(TypedDict):
    """What a provider can do."""

    issuer: str
    scopes: list[str]
    has_pkce: bool


@oidc_account.operation(is_idempotent=True)
def get_provider(http: Http) -> ProviderInfo:
    """Read what the provider says about itself."""
    known = configuration(http)
    return {
        "issuer": known["issuer"],
        "scopes": known.get("scopes_supported", []),
        "has_pkce": "S256" in known.get("code_challenge_methods_supported", []),
    }


@oidc_account.choices
def scope_choices(http: Http) -> list[Choice]:
    """The scopes one can ask for."""
    return [{"text": scope, "value": scope} for scope in get_provider(http)["scopes"]]
