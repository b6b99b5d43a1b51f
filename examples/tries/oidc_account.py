"""An account at an oidc-provider, before and after its token has ended; and a machine that signs in as itself."""

import time

from examples.servers.oidc import ACCESS_SECONDS, MACHINE, running
from examples.try_one import Call

__all__ = ["running", "show"]

AS_ITSELF = {
    "title": "Machine",
    "signIn": {
        "kind": "oauth2_client_credentials",
        "token_url": "{provider}/token",
        "client_owner": "auth",
    },
}


def show(call: Call) -> None:
    provider = call("get_provider")["issuer"]
    call("get_account")
    time.sleep(ACCESS_SECONDS)
    call("get_account")
    call("scope_choices")
    machine = call.signed_in_as(AS_ITSELF, {"provider": provider}, MACHINE)
    machine("get_provider")
