"""Get account."""

from typing import NotRequired, TypedDict

from jackfield import Http, NotSignedIn

from oidc_account.connector import oidc_account
from oidc_account.provider import endpoint


class Account(TypedDict):
    """Who has signed in. `sub` is the provider's own name for them, which never changes."""

    sub: str
    name: NotRequired[str]
    email: NotRequired[str]


@oidc_account.operation(is_idempotent=True)
def get_account(http: Http) -> Account:
    """Read who has signed in."""
    try:
        return http.get(endpoint("userinfo_endpoint", http)).json()
    except NotSignedIn as refusal:
        raise NotSignedIn(
            "The provider does not take this sign-in any more. Sign in again where the authentication was made.",
            refusal.response,
        ) from None
