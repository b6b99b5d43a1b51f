"""Every attack of the self-test, without a jail: a script that shows which of them get through, as JSON.

It gives up root first, has a mount namespace of its own, and aims only at canaries it sets out itself.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from jackfield_hub.sandbox import kernel
from jackfield_hub.sandbox.probes import PROBES, Canaries, is_open
from jackfield_hub.sandbox.self_test import set_out_canaries

NOBODY_IN_PARTICULAR = 58_999
PR_SET_DUMPABLE = 4


def become_nobody() -> None:
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    os.setgroups([])
    os.setresgid(*[NOBODY_IN_PARTICULAR] * 3)
    os.setresuid(*[NOBODY_IN_PARTICULAR] * 3)
    kernel.prctl(PR_SET_DUMPABLE, 1)  # as after any start of a program; the change of user has cleared it


def attempt(name: str, canaries: Canaries) -> bool:
    """Try one attack in a process of its own."""
    child = os.fork()
    if not child:
        status = 2
        with suppress(BaseException):
            os.open(os.devnull, os.O_RDONLY)
            os.chdir(canaries.folder)
            status = 0 if is_open(name, canaries) else 1
        os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    os.environ["CANARY"] = "canary"
    if not os.getuid():
        become_nobody()
    with set_out_canaries() as canaries:
        print(json.dumps({name: attempt(name, canaries) for name in PROBES}))


if __name__ == "__main__":
    main()
