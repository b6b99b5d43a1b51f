"""Which files a process may touch, by the kernel's landlock. What no rule names is out of reach.

Our own sixty lines: the `landlock` package on PyPI is a development release that neither knows scopes nor takes
single files, and this is code we want to read.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path

from jackfield_hub.sandbox.kernel import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on all machines
_GET_VERSION = 1
_PATH_BENEATH = 1


class Access(IntFlag):
    """What can be done with files; the numbers are the kernel's."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = Access.READ_FILE | Access.READ_DIR
READ_WRITE = (
    READ
    | Access.WRITE_FILE
    | Access.REMOVE_DIR
    | Access.REMOVE_FILE
    | Access.MAKE_DIR
    | Access.MAKE_REG
    | Access.REFER
    | Access.TRUNCATE
)
_OF_FILES = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
_KNOWN_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_KNOWN_SINCE_5 = (1 << 16) - 1
_NETWORK = 0b11  # bind and connect with TCP, since ABI 4
_SCOPES = 0b11  # abstract unix sockets and signals, since ABI 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """Return the kernel's landlock version, 0 when it has none."""
    try:
        return syscall(_CREATE_RULESET, None, 0, _GET_VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[Path], writable: Iterable[Path], devices: Iterable[Path]) -> None:
    """Give up all files but these, for ever and for all descendants. Paths that do not exist are skipped.

    Nothing may be executed. Descriptors that are open already stay as they are. Raises OSError.
    """
    version = abi()
    known = _KNOWN_BY_ABI.get(version, _KNOWN_SINCE_5)
    ruleset = _create(version, known)
    for paths, access in ((readable, READ), (writable, READ_WRITE), (devices, Access.READ_FILE | Access.WRITE_FILE)):
        for path in paths:
            _allow(ruleset, path, access & known)
    syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _create(version: int, known: int) -> int:
    attributes = _Ruleset(known, _NETWORK if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    return syscall(_CREATE_RULESET, ctypes.byref(attributes), size, 0)


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    if not stat.S_ISDIR(os.fstat(parent).st_mode):
        access &= _OF_FILES
    rule = _PathBeneath(access, parent)
    try:
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
