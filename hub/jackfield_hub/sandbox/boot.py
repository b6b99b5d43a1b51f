"""The first lines of the zygote's process: small, because in rung R1 a copy of it stays behind as the starter."""

from __future__ import annotations

import socket
import sys
from importlib import import_module

from jackfield_hub.sandbox import namespaces, orders
from jackfield_hub.sandbox.jail import Jail, Rung

COMMAND = (
    "import sys; sys.path += sys.argv[3:]; "
    "from jackfield_hub.sandbox.boot import boot; boot(int(sys.argv[1]), sys.argv[2])"
)


def boot(control_descriptor: int, rung: str) -> None:
    """Take the rung and become the zygote; tell the hub when the host does not allow it."""
    try:
        if rung == Rung.NAMESPACES:
            namespaces.enter()
        zygote = import_module("jackfield_hub.sandbox.zygote")
        jail = Jail(Rung(rung), sys.path)
    except OSError as refusal:
        with socket.socket(fileno=control_descriptor) as control:
            control.send(orders.to_bytes(orders.Stuck(str(refusal))))
        raise SystemExit(1) from None
    zygote.main(control_descriptor, jail)
