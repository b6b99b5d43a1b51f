"""What a provider says about itself at an address that is the same everywhere."""

from typing import Any

from jackfield import Http, NotFound

DISCOVERY = "/.well-known/openid-configuration"


def configuration(http: Http) -> dict[str, Any]:
    """Return the provider's description of itself."""
    try:
        return http.get(DISCOVERY).json()
    except NotFound as refusal:
        raise NotFound(
            "There is no OpenID provider at this address. Take the issuer, without a path behind it.", refusal.response
        ) from None


def endpoint(name: str, http: Http) -> str:
    """Return one of the provider's addresses."""
    known = configuration(http)
    if name not in known:
        raise NotFound(f"The provider {known['issuer']} does not offer this (it has no {name}).")
    return known[name]
