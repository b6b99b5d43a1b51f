"""The socket on which clients find a hub."""

from __future__ import annotations

import socket

BACKLOG = 4096


class CannotListen(Exception):
    """The address or the port is taken, or not ours; the message says which and what to do."""


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound to this address; port 0 means any free one. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as reason:
        raise CannotListen(f"cannot listen on {host} port {port}: {reason.strerror}; try --port or --host") from None
    # An answer leaves in two pieces. Without this the second waits for the client to confirm the first: 40 ms on Linux.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return where a client on this machine finds the hub, for example `http://127.0.0.1:8080`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
