"""What an attack is, what it may aim at, and how it asks the kernel."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CANARY = b"canary"

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
IS_X86 = os.uname().machine == "x86_64"


@dataclass(frozen=True)
class Canaries:
    """What the attacks aim at. All of it belongs to the test, and anybody on the host may reach it."""

    folder: str  #: on the host, with a readable and writable file `secret` and a unix socket `socket`
    code: str  #: where the attacking code itself is
    tcp_port: int
    udp_port: int
    abstract_name: str
    process_id: int  #: a process that sleeps

    @property
    def secret(self) -> Path:
        return Path(self.folder, "secret")


@dataclass(frozen=True)
class Probe:
    """`needs` says what a host must have for the attack to get through without a jail; empty: nothing special."""

    name: str
    attacks: str
    attempt: Callable[[Canaries], bool]
    needs: str = ""


PROBES: dict[str, Probe] = {}


def probe(attacks: str, needs: str = "") -> Callable[[Callable[[Canaries], bool]], Callable[[Canaries], bool]]:
    def keep(attempt: Callable[[Canaries], bool]) -> Callable[[Canaries], bool]:
        name = attempt.__name__
        PROBES[name] = Probe(name, attacks, attempt, needs)
        return attempt

    return keep


def is_open(name: str, canaries: Canaries) -> bool:
    """Try one attack; return whether it got through."""
    try:
        return PROBES[name].attempt(canaries)
    except (OSError, MemoryError, RuntimeError):
        return False


def call(x86: int, arm: int, *arguments: object) -> int:
    """Make a system call by number. Raises OSError; BlockingIOError and the like are OSErrors too."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = _libc.syscall(ctypes.c_long(x86 if IS_X86 else arm), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def reaches(*otherwise: int, x86: int, arm: int, arguments: tuple[object, ...] = ()) -> bool:
    """Return whether the kernel looks at a call: it succeeds, or fails for one of these reasons of its own."""
    try:
        call(x86, arm, *arguments)
    except OSError as refusal:
        return refusal.errno in otherwise
    return True
