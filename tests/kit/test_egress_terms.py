"""What an operator grants one owner of an engine beyond the others, and what the operator is told."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jackfield.auth import ApiKey, Place
from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.limits import Limits
from jackfield.egress.policy import AddressPolicy, HostRule
from jackfield.egress.terms import NO_TERMS, Attempt, Terms
from jackfield.errors import NoAnswer, NotAllowed
from jackfield.exchange import Request, Response
from tests.kit.misbehaving import Issuer, answer, third_party

LOOPBACK = (ip_network("127.0.0.0/8"),)
NOWHERE = AddressPolicy()


async def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@asynccontextmanager
async def engine(
    terms: Callable[[str], Terms] = lambda owner: NO_TERMS,
    watch: Callable[[Attempt], None] | None = None,
    limits: Limits | None = None,
) -> AsyncGenerator[Engine]:
    engine = Engine(limits, to_loopback, terms=terms, watch=watch)
    try:
        yield engine
    finally:
        await engine.close()


def of_alice(terms: Terms) -> Callable[[str], Terms]:
    return lambda owner: terms if owner == "alice" else NO_TERMS


async def send(engine: Engine, url: str, owner: str, **grant: Any) -> Response:
    granted = replace(Grant((HostRule.parse(url),), addresses=NOWHERE, owner=owner), **grant)
    return await engine.send(Request("GET", url, is_idempotent=True), granted, time.monotonic() + 10)


async def test_a_private_network_of_one_owner_is_closed_to_others():
    async with third_party(answer(b"in")) as party, engine(of_alice(Terms(LOOPBACK))) as out:
        assert (await send(out, party.url, "alice")).body == b"in"
        with pytest.raises(NotAllowed, match="not on the public internet"):
            await send(out, party.url, "charlie")


async def test_metadata_addresses_need_their_own_switch():
    networks = (ip_network("169.254.0.0/16"),)
    address = "http://169.254.169.254:1"

    async with engine(of_alice(Terms(networks))) as out:
        with pytest.raises(NotAllowed):
            await send(out, address, "alice")
    assert Terms(networks, allow_metadata=True).widen(NOWHERE).check("169.254.169.254")
    with pytest.raises(NotAllowed):
        Terms(allow_metadata=True).widen(NOWHERE).check("169.254.169.254")


async def test_an_authority_one_owner_trusts_is_nobodys_authority_for_others(tmp_path: Path):
    issuer = Issuer.found(tmp_path)
    file = tmp_path / "authority.pem"
    file.write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    terms = of_alice(Terms(LOOPBACK, authorities=file))

    async with third_party(answer(b"in"), tls=issuer.server("api.acme.test")) as party, engine(terms) as out:
        url = f"https://api.acme.test:{party.port}"
        assert (await send(out, url, "alice")).body == b"in"
        with pytest.raises(NoAnswer, match="vouches"):
            await send(out, url, "charlie", addresses=AddressPolicy(LOOPBACK))
        assert (await send(out, url, "alice")).body == b"in"


async def test_every_request_is_told_without_its_secrets():
    told: list[Attempt] = []
    secret = "s3cr3t-4711"
    broken = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n"
    key = {"sign_in": ApiKey("key", Place.QUERY), "credentials": {"apiKey": secret}}

    async with third_party(broken, answer(b"12345")) as party, engine(of_alice(Terms(LOOPBACK)), told.append) as out:
        await send(out, f"{party.url}/of/{secret}/a?b=c", "alice", **key)

    assert [(one.number, one.status, one.received_bytes) for one in told] == [(1, 503, 0), (2, 200, 5)]
    assert {(one.owner, one.method, one.path) for one in told} == {("alice", "GET", "/of/[redacted]/a")}
    assert {one.host for one in told} == {party.url.removeprefix("http://")}
    assert all(0 <= one.milliseconds < 10_000 for one in told)


async def test_a_request_nobody_answered_is_told_too():
    told: list[Attempt] = []
    async with third_party(answer()) as party:
        pass

    async with engine(of_alice(Terms(LOOPBACK)), told.append) as out:
        with pytest.raises(NoAnswer):
            await send(out, party.url, "alice")

    assert {one.status for one in told} == {None}
    assert [one.number for one in told] == list(range(1, len(told) + 1))


async def test_one_auth_does_not_slow_down_another_of_the_same_owner():
    limits = Limits(requests_per_second=0.2)

    async with third_party(answer()) as party, engine(of_alice(Terms(LOOPBACK)), limits=limits) as out:
        began = time.monotonic()
        for auth in ("first", "second", "third"):
            await send(out, party.url, "alice", auth=auth)

    assert time.monotonic() - began < 4
