"""Attacks on other processes, and on its own end."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import subprocess
from contextlib import suppress
from pathlib import Path

from jackfield_hub.sandbox.probes.attack import CANARY, Canaries, call, probe, reaches

WHOLE_WORLD = -1


@probe("life after its own end")
def make_a_process(_: Canaries) -> bool:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return True


@probe("life after its own end, in a session of its own")
def make_a_process_that_detaches(_: Canaries) -> bool:
    child = os.fork()
    if not child:
        os.setsid()
        if not os.fork():
            os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
    return True


@probe("the host's programs")
def run_a_program(_: Canaries) -> bool:
    return subprocess.run(["/bin/true"], check=False).returncode == 0


@probe("the host's programs")
def become_a_program(_: Canaries) -> bool:
    try:
        os.execv("/nowhere/at/all", ["canary"])  # noqa: S606
    except FileNotFoundError:
        return True


@probe("processes, by the newer way to make them")
def reach_the_newer_clone(_: Canaries) -> bool:
    return reaches(errno.EINVAL, x86=435, arm=435, arguments=(None, 0))


@probe("other processes")
def signal_a_process(canaries: Canaries) -> bool:
    os.kill(canaries.process_id, 0)
    return True


@probe("all processes")
def signal_everybody(_: Canaries) -> bool:
    os.kill(WHOLE_WORLD, 0)
    return True


@probe("other processes")
def signal_a_thread(canaries: Canaries) -> bool:
    call(200, 130, canaries.process_id, 0)
    return True


@probe("other processes")
def signal_a_thread_of_a_group(canaries: Canaries) -> bool:
    call(234, 131, canaries.process_id, canaries.process_id, 0)
    return True


@probe("other processes")
def queue_a_signal(canaries: Canaries) -> bool:
    information = (ctypes.c_int * 32)(0, 0, -1)
    call(129, 138, canaries.process_id, 0, ctypes.byref(information))
    return True


@probe("other processes")
def hold_a_process(canaries: Canaries) -> bool:
    os.close(os.pidfd_open(canaries.process_id))
    return True


@probe("other processes, by the signal of a descriptor")
def give_a_descriptor_away(canaries: Canaries) -> bool:
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(reader, 8, canaries.process_id)  # F_SETOWN
    finally:
        os.close(reader)
        os.close(writer)
    return True


@probe("the memory of other processes")
def trace_a_process(canaries: Canaries) -> bool:
    seize, detach = 0x4206, 17
    call(101, 117, seize, canaries.process_id, None, None)
    with suppress(OSError):
        call(101, 117, detach, canaries.process_id, None, None)
    return True


@probe("the memory of other processes")
def read_the_memory_of_a_process(canaries: Canaries) -> bool:
    return reaches(errno.EFAULT, x86=310, arm=270, arguments=_other_memory(canaries))


@probe("the memory of other processes")
def write_to_the_memory_of_a_process(canaries: Canaries) -> bool:
    return reaches(errno.EFAULT, x86=311, arm=271, arguments=_other_memory(canaries))


def _other_memory(canaries: Canaries) -> tuple[object, ...]:
    """Arguments that ask for one byte at an address where nothing is."""
    here = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.create_string_buffer(1)), 1)
    there = (ctypes.c_size_t * 2)(8, 1)
    return canaries.process_id, ctypes.byref(here), 1, ctypes.byref(there), 1, 0


@probe("the memory of other processes")
def open_the_memory_of_a_process(canaries: Canaries) -> bool:
    with Path(f"/proc/{canaries.process_id}/mem").open("rb"):
        return True


@probe("the environment of other processes")
def read_the_environment_of_a_process(canaries: Canaries) -> bool:
    return CANARY in Path(f"/proc/{canaries.process_id}/environ").read_bytes()


@probe("who else there is")
def list_processes(canaries: Canaries) -> bool:
    return str(canaries.process_id) in os.listdir("/proc")  # noqa: PTH208


@probe("other processes")
def limit_a_process(canaries: Canaries) -> bool:
    return bool(resource.prlimit(canaries.process_id, resource.RLIMIT_NOFILE))


@probe("other processes")
def slow_a_process_down(canaries: Canaries) -> bool:
    os.setpriority(os.PRIO_PROCESS, canaries.process_id, 1)
    return True


@probe("other processes")
def move_a_process(canaries: Canaries) -> bool:
    os.sched_setaffinity(canaries.process_id, {0})
    return True


@probe("what other processes have open")
def compare_with_a_process(canaries: Canaries) -> bool:
    return reaches(x86=312, arm=272, arguments=(os.getpid(), canaries.process_id, 1, 0, 0))


@probe("its own death with the zygote")
def outlive_the_zygote(_: Canaries) -> bool:
    return reaches(x86=157, arm=167, arguments=(1, 0, 0, 0, 0))
