"""Attacks on the network."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from jackfield_hub.sandbox.probes.attack import CANARY, Canaries, call, probe, reaches


@probe("the hub's own ports, and the host's")
def connect_to_a_port(canaries: Canaries) -> bool:
    with socket.socket() as connection:
        connection.connect(("127.0.0.1", canaries.tcp_port))
        return True


@probe("the host's ports")
def send_a_datagram(canaries: Canaries) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        return bool(datagrams.sendto(CANARY, ("127.0.0.1", canaries.udp_port)))


@probe("the host's name, by listening in its place")
def listen_on_a_port(_: Canaries) -> bool:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return True


@probe("services of the host with a socket among the files")
def connect_to_a_unix_socket(canaries: Canaries) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(Path(canaries.folder, "socket")))
        return True


@probe("services of the host with a socket outside the files")
def connect_to_an_abstract_socket(canaries: Canaries) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0{canaries.abstract_name}")
        return True


@probe("other processes, by a pair of sockets")
def make_a_pair_of_sockets(_: Canaries) -> bool:
    for end in socket.socketpair():
        end.close()
    return True


@probe("the kernel's network tables")
def open_a_netlink_socket(_: Canaries) -> bool:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
    return True


@probe("the hypervisor, which no network namespace keeps away", needs="a kernel with vsock")
def open_a_vsock(_: Canaries) -> bool:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    return True


@probe("any network, by whatever family")
def open_a_socket_of_any_family(_: Canaries) -> bool:
    for family in range(46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            with suppress(OSError):
                os.close(call(41, 198, family, int(kind), 0))
                return True
    return False


@probe("the network, by its own socket: a second name for it")
def give_its_socket_a_name(_: Canaries) -> bool:
    # EBADF, ENOTSOCK and EINVAL come from the kernel's own look at the call.
    address = b"\x01\x00\x00canary"
    return reaches(errno.EBADF, errno.ENOTSOCK, errno.EINVAL, x86=49, arm=200, arguments=(3, address, len(address)))
