"""Attacks on files."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from jackfield_hub.sandbox.probes.attack import CANARY, Canaries, call, probe


@probe("files of the host and of other tenants")
def read_a_file(canaries: Canaries) -> bool:
    return CANARY in canaries.secret.read_bytes()


@probe("files of the host and of other tenants")
def list_a_folder(canaries: Canaries) -> bool:
    return bool(os.listdir(canaries.folder))  # noqa: PTH208


@probe("files of the host and of other tenants")
def read_through_a_link(canaries: Canaries) -> bool:
    link = Path("link")
    link.symlink_to(canaries.secret)
    try:
        return CANARY in link.read_bytes()
    finally:
        link.unlink()


@probe("files of the host and of other tenants")
def read_by_way_of_proc(canaries: Canaries) -> bool:
    return CANARY in Path(f"/proc/self/root{canaries.secret}").read_bytes()


@probe("files of the host and of other tenants")
def read_by_climbing(canaries: Canaries) -> bool:
    return CANARY in Path("../" * 40 + str(canaries.secret)).read_bytes()


@probe("accounts of the host")
def read_accounts(_: Canaries) -> bool:
    return bool(Path("/etc/passwd").read_bytes())


@probe("what there is on the host")
def list_the_root(_: Canaries) -> bool:
    return bool(os.listdir("/"))  # noqa: PTH208


@probe("what there is on the host")
def list_devices(_: Canaries) -> bool:
    return bool(os.listdir("/sys"))  # noqa: PTH208


@probe("files of the host")
def write_to_a_file(canaries: Canaries) -> bool:
    with canaries.secret.open("ab") as file:
        return bool(file.write(b"!"))


@probe("files of the host")
def make_a_file(canaries: Canaries) -> bool:
    made = Path(canaries.folder, f"made-{os.getpid()}")
    made.touch()
    made.unlink()
    return True


@probe("files of the host")
def empty_a_file(canaries: Canaries) -> bool:
    os.truncate(canaries.secret, len(CANARY))
    return True


@probe("files of the host, where landlock is older than ABI 3")
def empty_a_file_by_reading(canaries: Canaries) -> bool:
    spare = Path(canaries.folder, "spare")
    os.close(os.open(spare, os.O_RDONLY | os.O_TRUNC))
    return True


@probe("the mode of files, which landlock does not guard")
def change_a_mode(canaries: Canaries) -> bool:
    Path(canaries.folder, "spare").chmod(0o666)
    return True


@probe("the times of files, which landlock does not guard")
def change_times(canaries: Canaries) -> bool:
    os.utime(Path(canaries.folder, "spare"))
    return True


@probe("the attributes of files, which landlock does not guard", needs="a file system with user attributes")
def change_attributes(canaries: Canaries) -> bool:
    os.setxattr(Path(canaries.folder, "spare"), "user.canary", CANARY)
    return True


@probe("files of the host")
def rename_a_file(canaries: Canaries) -> bool:
    old, new = Path(canaries.folder, "spare"), Path(canaries.folder, "moved")
    old.rename(new)
    new.rename(old)
    return True


@probe("files of the host")
def link_a_file(canaries: Canaries) -> bool:
    link = Path(canaries.folder, f"link-{os.getpid()}")
    link.hardlink_to(Path(canaries.folder, "spare"))
    link.unlink()
    return True


@probe("its own code, which the next worker runs")
def change_its_own_code(canaries: Canaries) -> bool:
    added = Path(canaries.code, "added.py")
    added.touch()
    added.unlink()
    return True


@probe("what happens to files of others")
def watch_a_folder(canaries: Canaries) -> bool:
    watch = call(294, 26, 0)
    return call(254, 27, watch, canaries.folder.encode(), 0xFFF) > 0


@probe("what happens to files of others")
def watch_a_file_system(_: Canaries) -> bool:
    fid = 0x200  # FAN_REPORT_FID: the kind that needs no privilege
    os.close(call(300, 262, fid, 0))
    return True


@probe("files by their number instead of their name")
def name_a_file_by_handle(canaries: Canaries) -> bool:
    handle = (ctypes.c_uint32 * 40)(128)
    mount = ctypes.c_int()
    call(303, 264, -100, bytes(canaries.secret), ctypes.byref(handle), ctypes.byref(mount), 0)
    return True


@probe("the world outside, by a named pipe")
def make_a_pipe_with_a_name(_: Canaries) -> bool:
    os.mkfifo("pipe")
    Path("pipe").unlink()
    return True


@probe("memory no limit counts")
def make_a_file_in_memory(_: Canaries) -> bool:
    os.close(os.memfd_create("canary"))
    return True
