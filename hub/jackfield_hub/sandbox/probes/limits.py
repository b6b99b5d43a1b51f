"""Attacks on what everybody shares, and on what a worker is born with."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import threading
from contextlib import suppress
from pathlib import Path

from jackfield_hub.sandbox.probes.attack import Canaries, probe

MEBIBYTE = 1024 * 1024
FLOOD_OF_THREADS = 1000
FLOOD_OF_DESCRIPTORS = 600


@probe("the host's memory")
def take_two_gibibytes(_: Canaries) -> bool:
    return bool(bytearray(2048 * MEBIBYTE))


@probe("the host's threads")
def start_a_thousand_threads(_: Canaries) -> bool:
    enough = threading.Event()
    threads: list[threading.Thread] = []
    before = threading.stack_size(64 * 1024)
    try:
        for _number in range(FLOOD_OF_THREADS):
            threads.append(threading.Thread(target=enough.wait, daemon=True))
            threads[-1].start()
    finally:
        threading.stack_size(before)
        enough.set()
    return True


@probe("the hub's descriptors")
def open_many_files(_: Canaries) -> bool:
    descriptors: list[int] = []
    try:
        while len(descriptors) < FLOOD_OF_DESCRIPTORS:
            descriptors.append(os.open(os.devnull, os.O_RDONLY))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return True


@probe("the host's disk")
def make_a_large_file(_: Canaries) -> bool:
    with Path("large").open("wb") as file:
        try:
            file.truncate(100 * MEBIBYTE)
        finally:
            Path("large").unlink()
    return True


@probe("the host's disk, with an image of its own memory")
def leave_a_core(_: Canaries) -> bool:
    return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0


@probe("its own limits")
def raise_a_limit(_: Canaries) -> bool:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    return resource.RLIM_INFINITY in (soft, hard)


@probe("secrets in the environment")
def find_an_environment(_: Canaries) -> bool:
    there = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    return bool(there) and there[0] is not None


@probe("descriptors it was not meant to have")
def find_a_descriptor(_: Canaries) -> bool:
    for descriptor in range(4, 1024):
        with suppress(OSError):
            os.fstat(descriptor)
            return True
    return False


@probe("dependencies that run code before the jail is closed")
def find_a_site(_: Canaries) -> bool:
    return "site" in sys.modules
