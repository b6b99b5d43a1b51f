"""The filter of system calls of a worker, assembled for the kernel's little machine (classic BPF).

other machine's calls → the process is killed
x32 calls             → refused
checked calls         → their arguments are looked at
allowed calls         → allowed
forbidden calls       → refused: "not permitted"
all others            → "no such call", so that libraries take their older ways
"""

from __future__ import annotations

import errno
import struct

from jackfield_hub.sandbox.syscalls import ALLOWED, CHECKED, FORBIDDEN, Machine, numbers

_LOAD = 0x20  # a 32-bit word of the call's data
_AND = 0x54
_EQUAL, _ABOVE_OR_EQUAL, _ANY_BIT = 0x15, 0x35, 0x45
_RETURN = 0x06

_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16

_KILL = 0x80000000
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_X32_BIT = 0x40000000

CLONE_THREAD = 0x00010000
CLONE_NEW_NAMESPACES = 0x7E020000

_OPEN_MODE_MASK, _WRITE_ONLY, _READ_WRITE, _TRUNCATE = 0o3, 1, 2, 0o1000
# F_DUPFD to F_SETFL, the locks, F_OFD_*LK, F_DUPFD_CLOEXEC, F_GETPIPE_SZ. Not F_SETOWN or F_SETSIG: they send signals.
_FCNTL = (*range(0, 8), 36, 37, 38, 1030, 1032)
# TCGETS and TIOCGWINSZ (isatty), FIONREAD, FIONBIO, FIOCLEX, FIONCLEX.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5451, 0x5450)
# PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_SET_VMA.
# Not PR_SET_PDEATHSIG: a worker dies with its zygote.
_PRCTL = (3, 15, 16, 21, 23, 39, 0x53564D41)

_Instruction = tuple[int, int, int, int]


def assemble(machine: Machine, own_pid: int) -> bytes:
    """Return the program for a worker whose process id is `own_pid`."""
    program = [
        _load(_ARCH),
        (_EQUAL, 1, 0, machine.audit_arch),
        _answer(_KILL),
        _load(_NUMBER),
    ]
    if machine.has_x32:
        program += [(_ABOVE_OR_EQUAL, 0, 1, _X32_BIT), _refuse(errno.EPERM)]
    checks = _checks(own_pid)
    for name, number in numbers(CHECKED, machine).items():
        program += _when(number, checks[name])
    for number in numbers(ALLOWED, machine).values():
        program += _when(number, [_answer(_ALLOW)])
    for number in numbers(FORBIDDEN, machine).values():
        program += _when(number, [_refuse(errno.EPERM)])
    program.append(_refuse(errno.ENOSYS))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _checks(own_pid: int) -> dict[str, list[_Instruction]]:
    """Return what is asked of the arguments of each checked call. Every list ends the program."""
    own_process = _one_of(0, (own_pid,), errno.EPERM)
    return {
        "open": _without_hidden_truncation(1),
        "openat": _without_hidden_truncation(2),
        "clone": _threads_only(),
        "kill": own_process,
        "tgkill": own_process,
        "fcntl": _one_of(1, _FCNTL, errno.EPERM),
        "ioctl": _one_of(1, _IOCTL, errno.ENOTTY),
        "prctl": _one_of(0, _PRCTL, errno.EPERM),
        "prlimit64": _one_of(0, (0, own_pid), errno.EPERM),
    }


def _threads_only() -> list[_Instruction]:
    return [
        _load_argument(0),
        (_ANY_BIT, 1, 0, CLONE_THREAD),
        _refuse(errno.EPERM),
        (_ANY_BIT, 0, 1, CLONE_NEW_NAMESPACES),
        _refuse(errno.EPERM),
        _answer(_ALLOW),
    ]


def _without_hidden_truncation(argument: int) -> list[_Instruction]:
    """Refuse O_TRUNC on what is not opened for writing: landlock before ABI 3 would let it empty a file."""
    return [
        _load_argument(argument),
        (_ANY_BIT, 1, 0, _TRUNCATE),
        _answer(_ALLOW),
        (_AND, 0, 0, _OPEN_MODE_MASK),
        (_EQUAL, 1, 0, _WRITE_ONLY),
        (_EQUAL, 0, 1, _READ_WRITE),
        _answer(_ALLOW),
        _refuse(errno.EPERM),
    ]


def _one_of(argument: int, values: tuple[int, ...], otherwise: int) -> list[_Instruction]:
    """Allow the call when an argument, of which the kernel reads 32 bits, is one of these."""
    allowed = [instruction for value in values for instruction in ((_EQUAL, 0, 1, value), _answer(_ALLOW))]
    return [_load_argument(argument), *allowed, _refuse(otherwise)]


def _when(number: int, then: list[_Instruction]) -> list[_Instruction]:
    return [(_EQUAL, 0, len(then), number), *then]


def _load(offset: int) -> _Instruction:
    return (_LOAD, 0, 0, offset)


def _load_argument(index: int) -> _Instruction:
    return _load(_ARGUMENTS + 8 * index)  # both machines are little-endian: the low half comes first


def _answer(verdict: int) -> _Instruction:
    return (_RETURN, 0, 0, verdict)


def _refuse(error: int) -> _Instruction:
    return _answer(_ERRNO | error)
