"""Attacks on the kernel."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from jackfield_hub.sandbox.probes.attack import CANARY, IS_X86, Canaries, call, probe, reaches


@probe("the kernel, by asking it to work on its own")
def set_up_io_uring(_: Canaries) -> bool:
    return reaches(errno.EFAULT, errno.EINVAL, x86=425, arm=425, arguments=(1, None))


@probe("the kernel, by programs that run in it", needs="a kernel that lets everybody load programs")
def load_a_bpf_program(_: Canaries) -> bool:
    return reaches(errno.EFAULT, errno.EINVAL, x86=321, arm=280, arguments=(5, None, 0))


@probe("the kernel, by its counters")
def count_events(_: Canaries) -> bool:
    return reaches(errno.EFAULT, errno.E2BIG, errno.EINVAL, x86=298, arm=241, arguments=(None, 0, -1, -1, 0))


@probe("the kernel, by stopping it in the middle")
def handle_page_faults(_: Canaries) -> bool:
    user_mode_only = 1
    os.close(call(323, 282, user_mode_only))
    return True


@probe("keys the kernel keeps")
def ask_for_a_keyring(_: Canaries) -> bool:
    return reaches(errno.ENOKEY, x86=250, arm=219, arguments=(0, -3, 0))


@probe("keys the kernel keeps")
def keep_a_key(_: Canaries) -> bool:
    process_keyring = -2
    return reaches(x86=248, arm=217, arguments=(b"user", b"canary", CANARY, len(CANARY), process_keyring))


@probe("the kernel's rarely walked paths, as root of its own namespace")
def be_root_of_a_namespace(_: Canaries) -> bool:
    return _alone(lambda: _enter_namespace(0))


@probe("what is mounted where")
def mount_a_file_system(_: Canaries) -> bool:
    def mount() -> None:
        _enter_namespace(0x00020000)
        call(165, 40, b"canary", b".", b"tmpfs", 0, None)

    return _alone(mount)


@probe("where the root is")
def change_the_root(_: Canaries) -> bool:
    def change() -> None:
        _enter_namespace(0)
        os.chroot(".")

    return _alone(change)


@probe("other namespaces")
def join_a_namespace(_: Canaries) -> bool:
    return reaches(errno.EBADF, errno.EINVAL, x86=308, arm=268, arguments=(-1, 0))


def _enter_namespace(more: int) -> None:
    call(272, 97, 0x10000000 | more)


def _alone(attack: Callable[[], None]) -> bool:
    """Attack in a process of its own, because what it changes cannot be changed back; or here, when there is none."""
    try:
        child = os.fork()
    except OSError:
        attack()
        return True
    if not child:
        with suppress(OSError):
            attack()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


@probe("the kernel's rarely walked paths")
def change_personality(_: Canaries) -> bool:
    return reaches(x86=135, arm=92, arguments=(0xFFFFFFFF,))


@probe("the processor's tables", needs="x86-64")
def read_the_local_descriptor_table(_: Canaries) -> bool:
    return IS_X86 and reaches(x86=154, arm=-1, arguments=(0, None, 0))


@probe("the filter, by other numbers for the same calls", needs="a kernel with x32")
def make_a_call_of_x32(_: Canaries) -> bool:
    return IS_X86 and reaches(x86=0x40000000 | 39, arm=-1)


@probe("memory shared with others")
def share_memory(_: Canaries) -> bool:
    segment = call(29, 194, 0, 4096, 0o600)
    call(31, 195, segment, 0, None)
    return True


@probe("queues shared with others")
def make_a_message_queue(_: Canaries) -> bool:
    queue = call(68, 186, 0, 0o600)
    call(71, 187, queue, 0, None)
    return True


@probe("its user, to be another")
def change_the_user(_: Canaries) -> bool:
    return reaches(x86=117, arm=147, arguments=(-1, -1, -1))


@probe("calls the kernel has had for a short while only")
def make_a_call_of_tomorrow(_: Canaries) -> bool:
    return reaches(errno.EINVAL, x86=448, arm=448, arguments=(-1, 1))  # process_mrelease, with a flag it does not know
