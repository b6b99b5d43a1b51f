"""How much of a third party's answer is too much, and how long is too long."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    connect_seconds: float = 5.0  #: to open a connection, TLS included
    resolve_seconds: float = 5.0  #: to hear from the name server
    resolved_seconds: float = 30.0  #: how long its answer is used
    slow_after_seconds: float = 30.0  #: from here on a body must arrive at `slow_bytes_per_second` or faster
    slow_bytes_per_second: int = 1 * KIB
    idle_seconds: float = 15.0  #: how long an unused connection is kept
    max_headers: int = 100
    max_header_bytes: int = 64 * KIB
    max_raw_bytes: int = 16 * MIB  #: of a body as it is sent
    max_body_bytes: int = 64 * MIB  #: of a body after decompression
    max_ratio: int = 100  #: between the two, for bodies above one MiB
    max_request_bytes: int = 64 * MIB
    max_redirects: int = 5
    max_addresses: int = 4  #: of a host with many addresses, so many are tried
    requests_per_second: float | None = None  #: to one host for one owner; None: as many as they like
    failures_of: int = 20  #: when half of at least so many requests failed ...
    failures_seconds: float = 30.0  #: ... in this time, ...
    rest_seconds: float = 15.0  #: ... the host is left alone for so long
