"""Entering namespaces, rung R1: all that is loaded when it happens stays in memory a second time, in the starter.

So this module needs next to nothing, and whoever calls it loads the rest afterwards: 4 MB in every hub.
"""

from __future__ import annotations

import os
from contextlib import suppress

from jackfield_hub.sandbox import kernel

WORKER_IDS = range(50_000, 59_000)  # users and groups nobody else uses: below those systemd hands out

_ALL = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)


def enter() -> None:
    """Return in a new process that is process 1 of new namespaces. Raises OSError where the host does not allow it.

    The process that called stays behind as the starter: it ends with the new one, and the new one with it.
    """
    _unshare_mapped()
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.set_hostname("worker")
    first = os.fork()
    if first:
        os.closerange(3, 1024)  # the control socket must close when the zygote's copy does
        _, status = os.waitpid(first, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    kernel.die_with_parent(0)


def _unshare_mapped() -> None:
    """Enter new namespaces, in which we are user 0 and, where root may say so, workers have users of their own."""
    ready, say_ready = os.pipe()
    # Only a process outside may write the maps of more than one user.
    outside = os.fork()
    if not outside:
        os.close(say_ready)
        os.read(ready, 1)  # until the other end closes
        _map_and_exit(os.getppid())
    try:
        kernel.unshare(_ALL)
    finally:
        os.close(say_ready)
        os.close(ready)
        _, status = os.waitpid(outside, 0)
    if status:
        raise PermissionError("the users of a namespace could not be mapped")


def _map_and_exit(process_id: int) -> None:
    status = 1
    with suppress(OSError):
        more = f"\n{WORKER_IDS.start} {WORKER_IDS.start} {len(WORKER_IDS)}" if not os.getuid() else ""
        if not more:
            _write(f"/proc/{process_id}/setgroups", "deny")
        _write(f"/proc/{process_id}/gid_map", f"0 {os.getgid()} 1{more}")
        _write(f"/proc/{process_id}/uid_map", f"0 {os.getuid()} 1{more}")
        status = 0
    os._exit(status)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - pathlib is 2 MB
        file.write(text)
