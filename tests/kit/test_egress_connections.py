"""Which connections the engine makes, and which it uses again; encryption."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Sequence
from typing import Any

import pytest

from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.policy import AddressPolicy, HostRule
from jackfield.errors import NoAnswer, NotAllowed
from tests.kit.engines import SMALL, get, issuer, resolve_to_loopback, small_engine
from tests.kit.misbehaving import (
    Issuer,
    answer,
    third_party,
)

__all__ = ["issuer", "small_engine"]  # fixtures


async def test_a_connection_is_used_again(engine: Engine):
    async with third_party(answer(keep_alive=True)) as party:
        for _ in range(5):
            await get(engine, party.url)

    assert (party.connections, len(party.requests)) == (1, 5)


async def test_bytes_that_arrive_between_two_requests_are_nobodys_answer(engine: Engine):
    poison = answer(b"for somebody else", keep_alive=True)
    async with third_party(answer(b"first", keep_alive=True) + poison, answer(b"second", keep_alive=True)) as party:
        first = await get(engine, party.url)
        await asyncio.sleep(0.05)
        second = await get(engine, party.url)

    assert (first.body, second.body) == (b"first", b"second")
    assert party.connections == 2


async def test_late_bytes_on_an_idle_connection_are_nobodys_answer(engine: Engine):
    async def say_more_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"first", keep_alive=True))
        await asyncio.sleep(0.05)
        writer.write(answer(b"for somebody else", keep_alive=True))
        await reader.read()

    async with third_party(say_more_later, answer(b"second")) as party:
        first = await get(engine, party.url)
        await asyncio.sleep(0.15)
        second = await get(engine, party.url)

    assert (first.body, second.body) == (b"first", b"second")


async def test_no_cookie_of_one_call_is_sent_with_another(engine: Engine):
    async with third_party(answer(Set_Cookie="session=1; Path=/")) as party:
        await get(engine, party.url)
        await get(engine, party.url)

    assert b"ookie" not in party.requests[1]


async def test_a_proxy_in_the_environment_is_ignored(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    async with third_party(answer()) as party, third_party(answer()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await get(engine, party.url)

    assert (party.connections, proxy.connections) == (1, 0)


async def test_the_next_address_is_tried_when_one_takes_no_connections():
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    engine = Engine(SMALL, resolve)
    async with third_party(answer(b"here")) as party:
        response = await get(engine, f"http://api.acme.test:{party.port}/", is_idempotent=False)
    await engine.close()

    assert response.body == b"here"
    assert f"Host: api.acme.test:{party.port}\r\n".encode() in party.requests[0]


async def test_a_name_server_that_changes_its_mind_after_the_check_changes_nothing():
    asked: list[str] = []

    async def rebind(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    engine = Engine(SMALL, rebind)
    async with third_party(answer(b"here")) as party:
        bodies = [(await get(engine, f"http://api.acme.test:{party.port}/")).body for _ in range(3)]
    await engine.close()

    assert (bodies, asked) == ([b"here"] * 3, ["api.acme.test"])


async def test_many_calls_at_once_ask_the_name_server_once():
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        await asyncio.sleep(0.05)
        return ["127.0.0.1"]

    engine = Engine(SMALL, resolve)
    async with third_party(answer()) as party:
        await asyncio.gather(*(get(engine, f"http://api.acme.test:{party.port}/") for _ in range(20)))
    await engine.close()

    assert asked == ["api.acme.test"]


async def test_a_connection_made_for_one_grant_is_no_way_in_for_another(engine: Engine):
    async with third_party(answer(keep_alive=True)) as party:
        url = f"http://api.acme.test:{party.port}/"
        await get(engine, url)
        outsider = Grant((HostRule.parse(url),), addresses=AddressPolicy())
        with pytest.raises(NotAllowed, match="is not on the public internet"):
            await get(engine, url, grant=outsider)

    assert len(party.requests) == 1


async def test_a_verified_certificate_is_accepted_at_the_pinned_address(issuer: Issuer):
    engine = Engine(SMALL, resolve_to_loopback, issuer.trusting())
    async with third_party(answer(b"secret talk", keep_alive=True), tls=issuer.server("api.acme.test")) as party:
        for _ in range(3):
            assert (await get(engine, f"https://api.acme.test:{party.port}/")).body == b"secret talk"
    await engine.close()

    assert party.connections == 1


async def test_an_address_needs_a_certificate_of_its_own(issuer: Issuer):
    engine = Engine(SMALL, resolve_to_loopback, issuer.trusting())
    async with third_party(answer(b"by number"), tls=issuer.server("127.0.0.1")) as party:
        assert (await get(engine, f"https://127.0.0.1:{party.port}/")).body == b"by number"
    await engine.close()


@pytest.mark.parametrize(
    ("certificate", "sentence"),
    [
        ({"host": "api.acme.test", "is_self_signed": True}, "nobody vouches for"),
        ({"host": "other.acme.test"}, "the certificate of another name"),
        ({"host": "*.test"}, "the certificate of another name"),
        ({"host": "127.0.0.1"}, "the certificate of another name"),
        ({"host": "api.acme.test", "days": -1}, "has expired"),
    ],
)
async def test_a_bad_certificate_is_refused(issuer: Issuer, certificate: dict[str, Any], sentence: str):
    engine = Engine(SMALL, resolve_to_loopback, issuer.trusting())
    async with third_party(answer(), tls=issuer.server(**certificate)) as party:
        with pytest.raises(NoAnswer, match=sentence):
            await get(engine, f"https://api.acme.test:{party.port}/")
    await engine.close()

    assert party.requests == []


async def test_an_issuer_nobody_knows_is_refused_by_default(engine: Engine, issuer: Issuer):
    async with third_party(answer(), tls=issuer.server("api.acme.test")) as party:
        with pytest.raises(NoAnswer, match="nobody here vouches for"):
            await get(engine, f"https://api.acme.test:{party.port}/")


async def test_an_old_tls_version_is_refused(issuer: Issuer):
    engine = Engine(SMALL, resolve_to_loopback, issuer.trusting())
    old = issuer.server("api.acme.test")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    async with third_party(answer(), tls=old) as party:
        with pytest.raises(NoAnswer, match=r"TLS 1\.2 or newer"):
            await get(engine, f"https://api.acme.test:{party.port}/")
    await engine.close()

    assert party.requests == []


async def test_plain_http_where_tls_was_asked_for_is_said_in_a_sentence(engine: Engine):
    async def answer_in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    server = await asyncio.start_server(answer_in_the_clear, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(NoAnswer, match="does not speak TLS"):
        await get(engine, f"https://api.acme.test:{port}/")
    server.close()
