"""oidc-provider, at which one signs in with OpenID Connect. Its refresh tokens work once."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from examples.servers.process import Server, ServerDidNotStart
from tests.kit.real_provider import ACCESS_SECONDS, IN_HEADER, IS_THERE, REDIRECT_URI, WHY_NOT, oidc_provider, sign_in

TOKEN_SECONDS = ACCESS_SECONDS
MACHINE = {"clientId": "machine", "clientSecret": "m: ch+ne%2B"}  # a client that may sign in as itself


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a provider at which alice has signed in until the block ends; her tokens end after `TOKEN_SECONDS`."""
    if not IS_THERE:
        raise ServerDidNotStart(WHY_NOT)
    with oidc_provider(REDIRECT_URI, TOKEN_SECONDS) as url:
        _, credentials = sign_in(url, IN_HEADER)
        app = {"clientId": IN_HEADER.client_id, "clientSecret": IN_HEADER.client_secret}
        yield Server(url, {"provider": url}, {**credentials, **app})
