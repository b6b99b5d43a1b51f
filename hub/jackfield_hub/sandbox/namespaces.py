"""Rung R1: the zygote and its workers live in namespaces of their own, and workers see a small tree of files.

hub ─► starter ─► zygote, process 1 of its own world ─► workers

/                     tmpfs, read-only
├── where they are    interpreter, kit, libraries: read-only
├── dev/              null, zero, random, urandom
├── bundle/           this worker's connector, read-only
└── scratch/          this worker's tmpfs of 64 MiB
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jackfield_hub.sandbox import kernel

WORKER_IDS = range(50_000, 59_000)  # users and groups nobody else uses: below those systemd hands out
BUNDLE = Path("/bundle")
SCRATCH = Path("/scratch")
DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "random", "urandom"))
SCRATCH_BYTES = 64 * 1024 * 1024
SCRATCH_FILES = 4096

# In the zygote's own mount namespace the tree is built on top of /proc: of all folders the one that is surely there,
# and one the zygote does not need.
_TREE = "/proc"
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
        folder = Path("/proc", str(process_id))
        if not more:
            (folder / "setgroups").write_text("deny")
        (folder / "gid_map").write_text(f"0 {os.getgid()} 1{more}")
        (folder / "uid_map").write_text(f"0 {os.getuid()} 1{more}")
        status = 0
    os._exit(status)


def plant_tree(readable: Iterable[Path]) -> None:
    """Build, in the zygote, what all its workers see."""
    kernel.mount("tree", _TREE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    for path in sorted(readable):
        _show(path)
    for device in DEVICES:
        _show(device, devices=True)
    for place in (BUNDLE, SCRATCH):
        Path(f"{_TREE}{place}").mkdir()
    kernel.make_read_only(_TREE, recursive=False)


def _show(path: Path, *, devices: bool = False) -> None:
    place = Path(f"{_TREE}{path}")
    if place.exists() or place.is_symlink() or not path.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        place.symlink_to(path.readlink())  # /lib on most systems
        return
    if path.is_dir():
        place.mkdir()
    else:
        place.touch()
    kernel.bind(str(path), str(place))
    kernel.make_read_only(str(place), devices=devices)


def move_in(bundle: Path) -> None:
    """Make the tree this worker's root, with its bundle and a fresh scratch in it."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.bind(str(bundle), f"{_TREE}{BUNDLE}")
    kernel.make_read_only(f"{_TREE}{BUNDLE}")
    limits = f"size={SCRATCH_BYTES},nr_inodes={SCRATCH_FILES},mode=777"
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("scratch", f"{_TREE}{SCRATCH}", "tmpfs", flags, limits)
    kernel.change_root(_TREE)
