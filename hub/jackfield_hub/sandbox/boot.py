"""The first lines of the zygote's process: small, because in rung R1 a copy of it stays behind as the starter."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from types import ModuleType

from jackfield_hub.sandbox import entering

COMMAND = (
    "import sys; sys.path += sys.argv[3:]; "
    "from jackfield_hub.sandbox.boot import boot; boot(int(sys.argv[1]), sys.argv[2])"
)
IN_NAMESPACES = "R1"  # Rung.NAMESPACES; its module is loaded when the starter has been left behind


def boot(control_descriptor: int, rung: str) -> None:
    """Take the rung and become the zygote; tell the hub when the host does not allow it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # for the hub, whoever they were sent to: it hangs up when all is done
    try:
        if rung == IN_NAMESPACES:
            entering.enter()
        zygote = _zygote()
        jail = zygote.Jail(zygote.Rung(rung), sys.path)
    except OSError as refusal:
        _zygote().give_up(control_descriptor, str(refusal))
        raise SystemExit(1) from None
    zygote.main(control_descriptor, jail)


def _zygote() -> ModuleType:
    return import_module("jackfield_hub.sandbox.zygote")
