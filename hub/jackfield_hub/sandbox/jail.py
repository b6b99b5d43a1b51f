"""What a worker gives up before it imports a connector. The order is the security.

    own files           R1: a small tree in namespaces (`namespaces`); R2: the host's, as far as landlock goes
    limits              memory, files, threads
    user                one of its own where the hub is root; no capability, and never one again
    landlock            nothing but interpreter, libraries, bundle and scratch
    seccomp             no sockets, no processes, no signals to others; most system calls do not exist

Rungs R1 and R2 take the same steps; R1 has one more before them. R4 is no jail: it leaves out landlock and seccomp.
"""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from jackfield_hub.sandbox import kernel, landlock, namespaces, seccomp, syscalls
from jackfield_hub.sandbox.entering import WORKER_IDS
from jackfield_hub.sandbox.namespaces import DEVICES

MEMORY_BYTES = 1024 * 1024 * 1024
FILE_BYTES = 64 * 1024 * 1024
OPEN_FILES = 256
THREADS = 320  # the crew's 256, and some for the connector
ARENAS = 2
LOCKED_BYTES = 64 * 1024
SHARED_THREADS = 768  # for all workers together, where they have to be the hub's own user
MOST_THREADS = 1 << 16

SYSTEM_LIBRARIES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
)


class Rung(StrEnum):
    """How workers are confined on this host."""

    NAMESPACES = "R1"  #: namespaces, landlock, seccomp, limits
    NO_NAMESPACES = "R2"  #: landlock, seccomp, limits: in containers, and where namespaces are switched off
    NO_JAIL = "R4"  #: limits only: a hub starts so only where its operator trusts all connectors

    @property
    def below(self) -> Rung:
        """The next one a host may still allow; below the last one there is none but itself."""
        return Rung.NO_NAMESPACES if self is Rung.NAMESPACES else Rung.NO_JAIL


JAILS = (Rung.NAMESPACES, Rung.NO_NAMESPACES)


class Jail:
    """What the zygote knows about the jail of its workers."""

    def __init__(self, rung: Rung, import_paths: Iterable[str]) -> None:
        """Prepare for workers. Raises OSError where this host cannot confine them."""
        if rung is not Rung.NO_JAIL:
            _check_kernel()
        self._rung = rung
        self._readable = _outermost([*import_paths, *SYSTEM_LIBRARIES])
        # Or the allocator would reserve an arena for every other thread, and the address space with it.
        kernel.limit_arenas(ARENAS)
        self._is_root = _may_change_user()
        self._threads = THREADS
        if rung is Rung.NAMESPACES:
            namespaces.plant_tree(self._readable)
        elif not self._is_root:
            self._threads = _count_threads_of_this_user() + SHARED_THREADS

    def lock(self, number: int, folder: Path, scratch: Path, parent: int) -> Path:
        """Confine this process, a fresh fork of the zygote `parent`, for ever. Raises OSError.

        Returns where it sees the bundle of `folder` now. `scratch` is where it may write; in R1 it gets a tmpfs.
        """
        if self._rung is Rung.NAMESPACES:
            namespaces.move_in(folder)
            folder, scratch = namespaces.BUNDLE, namespaces.SCRATCH
        readable = [*self._readable, folder]
        self._change_user(number, readable, scratch)
        _limit_resources()
        kernel.die_with_parent(parent)
        os.chdir(scratch)
        tempfile.tempdir = str(scratch)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if self._rung is not Rung.NO_JAIL:
            landlock.restrict(readable, [scratch], DEVICES)
            kernel.filter_calls(seccomp.assemble(syscalls.this_machine(), os.getpid()))
        return folder

    def _change_user(self, number: int, readable: list[Path], scratch: Path) -> None:
        """Become a user of one's own where we may, with no capability; and limit how many threads it can have."""
        kernel.drop_capabilities()
        if self._is_root:
            _become(WORKER_IDS[number % len(WORKER_IDS)], readable, scratch)
        elif self._rung is Rung.NAMESPACES:
            kernel.unshare(kernel.CLONE_NEWUSER)  # its threads are then counted by themselves
        _limit(resource.RLIMIT_NPROC, self._threads)
        kernel.forget_capabilities()


def _check_kernel() -> None:
    """Raise OSError where landlock or our filter of system calls does not exist."""
    if not landlock.abi():
        raise OSError("this kernel has no landlock")
    syscalls.this_machine()


def _may_change_user() -> bool:
    """Return whether we are root with the power to be somebody else; if so, we are in no group any more."""
    try:
        os.setgroups([])
    except PermissionError:
        return False
    return True


def _become(worker_id: int, readable: list[Path], scratch: Path) -> None:
    """Become this user.

    Where the interpreter or the bundle is in a folder only root may enter, we stay root for the files, without root's
    powers: landlock says which. Threads are counted for the real user, which is our own in any case.
    """
    can_see = _may_be_entered(scratch.parent) and all(map(_is_public, readable))
    file_user = worker_id if can_see else 0
    os.chown(scratch, file_user, worker_id)
    os.setresgid(worker_id, worker_id, worker_id)
    os.setresuid(worker_id, file_user, file_user)


def _is_public(path: Path) -> bool:
    """Return whether any user may read the folder, or the file. One that does not exist is no obstacle."""
    try:
        return _may_be_entered(path.parent) and bool(path.stat().st_mode & 0o004)
    except FileNotFoundError:
        return True


def _may_be_entered(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def _count_threads_of_this_user() -> int:
    """Return how many threads our user has on the whole host, also where we cannot see them.

    The kernel limits them all together, and tells how many there are only by refusing one more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    low, high = 0, MOST_THREADS if hard == resource.RLIM_INFINITY else min(hard, MOST_THREADS)
    while low < high:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_NPROC, (middle, hard))
        if _can_fork():
            high = middle
        else:
            low = middle + 1
    resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))
    return low


def _can_fork() -> bool:
    try:
        child = os.fork()
    except BlockingIOError:
        return False
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def _limit_resources() -> None:
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    _limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_MEMLOCK, LOCKED_BYTES)


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _outermost(paths: Iterable[str]) -> list[Path]:
    """Return the paths that exist and are not inside another of them."""
    there = sorted({Path(path) for path in paths if os.path.exists(path)})  # noqa: PTH110
    return [path for path in there if not any(parent in there for parent in path.parents)]
