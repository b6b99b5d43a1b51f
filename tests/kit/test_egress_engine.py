"""The engine against a third party that misbehaves on a real socket."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import time
import zlib
from dataclasses import replace

import pytest

from jackfield.egress.engine import Engine
from jackfield.errors import NoAnswer, TimedOut
from tests.kit.engines import SMALL, get, resolve_to_loopback, small_engine
from tests.kit.misbehaving import (
    Talk,
    answer,
    endless,
    half_close,
    in_pieces,
    reset,
    stay_silent,
    third_party,
)

__all__ = ["small_engine"]  # fixtures


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
        with pytest.raises(TimedOut, match=r"did not answer within 0\.\d+ seconds"):
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
