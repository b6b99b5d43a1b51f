"""The engine against a third party that misbehaves on a real socket."""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import re
import socket
import ssl
import time
import warnings
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jackfield.auth import NoSignIn, SignIn
from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.limits import Limits
from jackfield.egress.policy import AddressPolicy, HostRule
from jackfield.errors import NoAnswer, NotAllowed, TimedOut
from jackfield.exchange import Headers, Request, Response
from tests.kit.misbehaving import (
    Issuer,
    Talk,
    answer,
    endless,
    half_close,
    in_pieces,
    reset,
    stay_silent,
    third_party,
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


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(SMALL, resolve_to_loopback)
    yield engine
    await engine.close()


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


async def failure_of(engine: Engine, said: bytes | Talk) -> str:
    """Return the sentence the caller reads after the third party said this."""
    async with third_party(said) as party:
        with pytest.raises(NoAnswer) as failed:
            await get(engine, f"{party.url}/x", is_idempotent=False)
    assert type(failed.value) is NoAnswer
    return failed.value.message


async def test_a_good_answer_comes_through(engine: Engine):
    async with third_party(answer(b'{"a": 1}', Content_Type="application/json", X_Note="yes")) as party:
        response = await get(engine, f"{party.url}/a%20b?c=d")

    assert (response.status, response.body, response.url) == (200, b'{"a": 1}', f"{party.url}/a%20b?c=d")
    assert response.header("x-note") == "yes"
    assert party.requests[0].startswith(b"GET /a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1")


async def test_nobody_listening_is_said_in_a_sentence(engine: Engine):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        with pytest.raises(NoAnswer, match="takes no connections; check the host and port"):
            await get(engine, f"http://127.0.0.1:{port}/", is_idempotent=False)


async def test_an_unknown_host_is_said_in_a_sentence(engine: Engine):
    with pytest.raises(NoAnswer, match=r"There is no host called api\.nowhere\.test\."):
        await get(engine, "https://api.nowhere.test/")


async def test_a_silent_name_server_is_not_waited_for():
    async def resolve_never(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    engine = Engine(SMALL, resolve_never)
    with pytest.raises(TimedOut, match="The name server did not say in time"):
        await get(engine, "https://api.acme.test/")
    await engine.close()


UNUSABLE: list[tuple[bytes | Talk, str]] = [
    (reset, "closed the connection without an answer"),
    (half_close, "closed the connection without an answer"),
    (b"", "closed the connection without an answer"),
    (b"HTTP/1.1 200 OK\r\nContent-Le", "closed the connection without an answer"),
    (b"SSH-2.0-OpenSSH_9.7\r\n", "not HTTP"),
    (b"<html>HTTP/0.9 says hello</html>\r\n\r\n", "not HTTP"),
    (b"HTTP/1.1 2000 OK\r\n\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\nBad Header\x00: x\r\n\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", "headers that are too long"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", "headers that are too long"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: %b\r\n" % (b"y" * 1000) * 20 + b"\r\n", "headers that are too long"),
    (endless(b"HTTP/1.1 200 OK\r\n", b"X-Again: and again\r\n" * 100), "headers that are too long"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "broke off in the middle"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "broke off in the middle"),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "protocol nobody asked for"),
    (answer(b"x" * 300_000), "sent more than 200,000 bytes"),
    (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536), "sent more than 200,000 bytes"),
    (
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        "sent more than 200,000 bytes",
    ),
    (answer(gzip.compress(bytes(3_900_000)), Content_Encoding="gzip"), "grows more than 100 times"),
    (answer(zlib.compress(bytes(3_900_000)), Content_Encoding="deflate"), "grows more than 100 times"),
    (answer(gzip.compress(gzip.compress(bytes(10**6))), Content_Encoding="gzip, gzip"), "did not ask for"),
    (answer(b"not gzip", Content_Encoding="gzip"), "cannot be decompressed"),
    (answer(gzip.compress(b"{}" * 999)[:-9], Content_Encoding="gzip"), "broke off in the middle"),
    (answer(b"\x0b\x01\x80{}\x03", Content_Encoding="br"), "did not ask for"),
]


@pytest.mark.parametrize(("said", "sentence"), UNUSABLE, ids=map(str, range(len(UNUSABLE))))
async def test_an_unusable_answer_is_refused_and_said_in_a_sentence(engine: Engine, said: bytes | Talk, sentence: str):
    message = await failure_of(engine, said)

    assert sentence in message
    assert re.fullmatch(r"The service at 127\.0\.0\.1:\d+ [^\n]+\.", message)


async def test_a_decompressed_body_has_a_cap_of_its_own():
    engine = Engine(replace(SMALL, max_ratio=10_000), resolve_to_loopback)
    said = answer(gzip.compress(bytes(5_000_000)), Content_Encoding="gzip")

    assert "sent more than 4,000,000 bytes" in await failure_of(engine, said)
    await engine.close()


COMPRESSED = [
    ("gzip", gzip.compress(b'{"a": 1}')),
    ("x-gzip", gzip.compress(b'{"a": 1}')),
    ("GZIP", gzip.compress(b'{"a"') + gzip.compress(b": 1}")),
    ("gzip", gzip.compress(b'{"a": 1}') + b"\0\0\0"),
    ("deflate", zlib.compress(b'{"a": 1}')),
    ("deflate", zlib.compress(b'{"a": 1}', wbits=-15)),
    ("identity", b'{"a": 1}'),
]


@pytest.mark.parametrize(("coding", "compressed"), COMPRESSED, ids=map(str, range(len(COMPRESSED))))
async def test_a_compressed_answer_is_decompressed(engine: Engine, coding: str, compressed: bytes):
    whole = answer(compressed, Content_Encoding=coding)
    async with third_party(whole, in_pieces(*(bytes([byte]) for byte in whole), pause=0)) as party:
        at_once = await get(engine, party.url)
        byte_by_byte = await get(engine, party.url)

    assert at_once.body == byte_by_byte.body == b'{"a": 1}'
    assert at_once.header("Content-Encoding") is None


async def test_a_big_compressed_answer_arrives_whole(engine: Engine):
    text = b"".join(b"%d," % number for number in range(200_000))
    async with third_party(answer(gzip.compress(text, 1), Content_Encoding="gzip")) as party:
        limits = replace(SMALL, max_raw_bytes=10**7)
        bigger = Engine(limits, resolve_to_loopback)
        assert (await get(bigger, party.url)).body == text
        await bigger.close()


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_is_fine(engine: Engine, status: int):
    async with third_party(f"HTTP/1.1 {status} None\r\nContent-Encoding: gzip\r\n\r\n".encode()) as party:
        response = await get(engine, party.url)

    assert (response.status, response.body) == (status, b"")


async def test_head_has_no_body_whatever_its_headers_promise(engine: Engine):
    async with third_party(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nContent-Encoding: gzip\r\n\r\n") as party:
        response = await get(engine, party.url, method="HEAD")

    assert (response.body, response.header("content-length")) == (b"", "500")


@pytest.mark.parametrize(
    "talk",
    [
        stay_silent,
        in_pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", b"never", pause=0.01),
        in_pieces(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 50, pause=0.05),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
async def test_the_deadline_holds_whatever_the_third_party_does(engine: Engine, talk: Talk):
    async def talk_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        await reader.read()

    async with third_party(talk_on) as party:
        started = time.monotonic()
        with pytest.raises(TimedOut, match=r"did not answer within 0\.4 seconds"):
            await get(engine, party.url, seconds=0.4)

    assert time.monotonic() - started < 3


async def test_a_requests_own_timeout_only_brings_the_deadline_nearer(engine: Engine):
    async with third_party(stay_silent) as party:
        started = time.monotonic()
        with pytest.raises(TimedOut):
            await get(engine, party.url, seconds=30, timeout_seconds=0.2)
        with pytest.raises(TimedOut):
            await get(engine, party.url, seconds=0.2, timeout_seconds=30)

    assert time.monotonic() - started < 5


async def test_a_body_that_trickles_is_given_up(engine: Engine):
    pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b"x"] * 99]

    assert "less than 1024 bytes a second" in await failure_of(engine, in_pieces(*pieces, pause=0.02))


async def test_a_deadline_that_has_passed_sends_nothing(engine: Engine):
    async with third_party(answer()) as party:
        with pytest.raises(TimedOut):
            await get(engine, party.url, seconds=-1)

    assert party.connections == 0


# Connections


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


# Trying again


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_is_safe_to_repeat_is_repeated(engine: Engine, status: int):
    async with third_party(answer(status=status), answer(b"at last")) as party:
        response = await get(engine, party.url)

    assert (response.body, len(party.requests)) == (b"at last", 2)


async def test_three_times_is_enough(engine: Engine):
    async with third_party(answer(b"no", status=503, Retry_After="0")) as party:
        response = await get(engine, party.url)

    assert (response.status, response.body, len(party.requests)) == (503, b"no", 3)


async def test_a_broken_connection_is_tried_again(engine: Engine):
    async with third_party(reset, half_close, answer(b"at last")) as party:
        assert (await get(engine, party.url, method="PUT", body=b"x")).body == b"at last"


@pytest.mark.parametrize(
    ("method", "is_idempotent", "times"),
    [
        ("POST", None, 1),
        ("PATCH", None, 1),
        ("POST", True, 2),
        ("GET", False, 1),
        ("DELETE", None, 2),
        ("PUT", False, 1),
    ],
)
async def test_only_what_is_idempotent_is_sent_twice(
    engine: Engine, method: str, is_idempotent: bool | None, times: int
):
    for trouble in (answer(status=503, Retry_After="0"), reset):
        async with third_party(trouble, answer()) as party:
            try:
                await get(engine, party.url, method=method, is_idempotent=is_idempotent)
            except NoAnswer:
                assert times == 1

        assert len(party.requests) == times


@pytest.mark.parametrize("spelling", ["seconds", "date"])
async def test_retry_after_is_honoured_when_there_is_time(engine: Engine, spelling: str):
    soon = "1" if spelling == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
    async with third_party(answer(status=429, Retry_After=soon), answer(b"at last")) as party:
        started = time.monotonic()
        response = await get(engine, party.url, seconds=10)

    assert response.body == b"at last"
    assert 0.9 < time.monotonic() - started < 6


async def test_retry_after_the_deadline_is_returned_at_once(engine: Engine):
    async with third_party(answer(status=429, Retry_After="3600")) as party:
        started = time.monotonic()
        response = await get(engine, party.url, seconds=10)

    assert (response.status, response.header("retry-after"), len(party.requests)) == (429, "3600", 1)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e9", "", "99999999999999999999", "Thu, 99 Foo 2020"])
async def test_a_nonsensical_retry_after_breaks_nothing(engine: Engine, nonsense: str):
    async with third_party(answer(status=503, Retry_After=nonsense), answer(b"at last")) as party:
        response = await get(engine, party.url, seconds=5)

    assert response.status in (200, 503)


async def test_a_dying_service_is_not_finished_off_by_retries():
    engine = Engine(replace(SMALL, failures_of=1000))
    async with third_party(answer(status=503, Retry_After="0")) as party, third_party(reset, answer()) as other:
        for _ in range(60):
            await get(engine, party.url)
        assert (await get(engine, other.url)).status == 200  # what one host spent is not taken from another
    await engine.close()

    assert len(party.requests) < 60 + 10 + 6 + 2  # the capital, a tenth of the requests, and rounding


# Encryption


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer.found(tmp_path)


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
