"""An account at an oidc-provider, before and after its token has ended."""

import time

from examples.servers.oidc import TOKEN_SECONDS, running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    call("get_provider")
    call("get_account")
    time.sleep(TOKEN_SECONDS)
    call("get_account")
    call("scope_choices")
