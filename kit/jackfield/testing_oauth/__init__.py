"""A fake OAuth 2 provider for tests: a real HTTP server on this machine, with the bad habits of real providers.

    with FakeOAuthProvider() as provider:
        callback = provider.consent(authorization_url(provider.way(), provider.client, …))
        …
        assert provider.refreshes == 1
        assert provider.reuses_seen == 0

It needs no network and no browser, and it is as strict as the strictest: PKCE, exact redirect URIs, refresh tokens that
work once. A refresh token that comes a second time ends the whole sign-in, and is counted.
"""

from jackfield.testing_oauth.grants import Habits, SaidExpiry
from jackfield.testing_oauth.provider import FakeOAuthProvider, SeenTokenRequest

__all__ = ["FakeOAuthProvider", "Habits", "SaidExpiry", "SeenTokenRequest"]
