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
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from jackfield_hub.sandbox import kernel

BUNDLE = Path("/bundle")
SCRATCH = Path("/scratch")
DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "random", "urandom"))
SCRATCH_BYTES = 64 * 1024 * 1024
SCRATCH_FILES = 4096

# In the zygote's own mount namespace the tree is built on top of /proc: of all folders the one that is surely there,
# and one the zygote does not need.
_TREE = "/proc"


def plant_tree(readable: Iterable[Path]) -> None:
    """Build, in the zygote, what all its workers see, whatever users they are."""
    kernel.mount("tree", _TREE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    with _for_everybody():
        for path in sorted(readable):
            _show(path)
        for device in DEVICES:
            _show(device, devices=True)
        for place in (BUNDLE, SCRATCH):
            Path(f"{_TREE}{place}").mkdir()
    kernel.make_read_only(_TREE, recursive=False)


@contextmanager
def _for_everybody() -> Generator[None]:
    """Let every user into what is made in the block: a hub's own umask keeps all others out."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


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
