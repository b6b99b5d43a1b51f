"""Engines that find every name on this machine, and what one asks them."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jackfield.auth import NoSignIn, SignIn
from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.limits import Limits
from jackfield.egress.policy import AddressPolicy, HostRule
from jackfield.exchange import Headers, Request, Response
from tests.kit.misbehaving import (
    Issuer,
)

LOOPBACK = AddressPolicy.allowing(["127.0.0.0/8"])
SMALL = Limits(
    connect_seconds=2,
    resolve_seconds=0.3,
    slow_after_seconds=0.2,
    max_raw_bytes=200_000,
    max_body_bytes=4_000_000,
    max_header_bytes=8_000,
)


async def resolve_to_loopback(host: str, port: int) -> list[str]:
    if host.endswith(".nowhere.test"):
        raise socket.gaierror
    return ["127.0.0.1"]


@pytest.fixture(name="engine")
async def small_engine() -> AsyncIterator[Engine]:
    """An engine with narrow limits."""
    engine = Engine(SMALL, resolve_to_loopback)
    yield engine
    await engine.close()


@pytest.fixture(name="engine")
async def usual_engine() -> AsyncIterator[Engine]:
    """An engine with the limits it usually has."""
    engine = Engine(resolve=resolve_to_loopback)
    yield engine
    await engine.close()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer.found(tmp_path)


def grant_to(*hosts: str, sign_in: SignIn | None = None, **credentials: str) -> Grant:
    return Grant(tuple(HostRule.parse(host) for host in hosts), sign_in or NoSignIn(), credentials, LOOPBACK)


async def get(
    engine: Engine,
    url: str,
    *,
    grant: Grant | None = None,
    seconds: float = 5,
    method: str = "GET",
    headers: Headers = (),
    body: bytes = b"",
    timeout_seconds: float | None = None,
    is_idempotent: bool | None = None,
) -> Response:
    request = Request(method, url, headers, body, timeout_seconds, is_idempotent)
    return await engine.send(request, grant or grant_to(url), time.monotonic() + seconds)


async def send(engine: Engine, request: Request, grant: Grant) -> Response:
    return await engine.send(request, grant, time.monotonic() + 5)
