"""Clients that only want to keep the hub busy, on raw sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from jackfield_hub import http_protocol
from jackfield_hub.http_protocol import MAX_HEAD_BYTES, MAX_REQUESTS_AHEAD, Patience
from jackfield_hub.hub import Hub
from jackfield_hub.listener import open_socket
from jackfield_hub.server import serving
from tests.hub.people import Person
from tests.hub.test_web import GET, Wire

POST = b"POST /v1/nothing HTTP/1.1\r\nHost: hub\r\n"
CALL = b"POST /core/v1/connectors/acme/versions/1.0/call HTTP/1.1\r\nHost: hub\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
IMPATIENT = Patience(seconds=0.2, least_bytes=1000)

Connect = Callable[[], Awaitable[Wire]]


@asynccontextmanager
async def listening(hub: Hub, patience: Patience) -> AsyncGenerator[Connect]:
    """Let the hub listen, and give what opens a connection to it."""
    listener = open_socket("127.0.0.1", 0)
    open_wires: list[Wire] = []

    async def open_one() -> Wire:
        open_wires.append(Wire(*await asyncio.open_connection(*listener.getsockname())))
        return open_wires[-1]

    async with serving(hub, listener, patience):
        yield open_one
        for wire in open_wires:
            wire.writer.close()


@pytest.fixture
async def connect(hub: Hub) -> AsyncGenerator[Connect]:
    """Open connections to a hub that has little patience."""
    async with listening(hub, IMPATIENT) as open_one:
        yield open_one


@pytest.fixture
async def wire(hub: Hub) -> AsyncGenerator[Wire]:
    async with listening(hub, Patience()) as open_one:
        yield await open_one()


async def is_let_go(wire: Wire) -> bool:
    """Return whether the hub ends the connection, whatever it has written before."""
    with suppress(ConnectionError):
        await asyncio.wait_for(wire.reader.read(), 10)
    return True


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"\r\n\r\n",
        b"GET /healthz HT",
        GET[:-2],
        POST + b"Content-Length: 9\r\n\r\n{",
        CALL + b"Content-Length: 9\r\n\r\n{",
        POST + CHUNKED + b"5;",
        POST + CHUNKED + b"0\r\nX-Trailer: ",
    ],
)
async def test_a_client_that_does_not_go_on_is_let_go(connect: Connect, beginning: bytes) -> None:
    wire = await connect()

    await wire.send(beginning)

    assert await is_let_go(wire)


async def test_a_connection_is_kept_for_as_long_as_it_is_used(hub: Hub) -> None:
    async with listening(hub, Patience(kept_seconds=0.6)) as open_one:
        used, idle = await open_one(), await open_one()
        await idle.send(GET)
        first = await idle.answer()

        for _ in range(12):
            await used.send(GET)
            assert (await used.answer())[0] == 200
            await asyncio.sleep(0.15)

        assert (first[0], await idle.reader.read()) == (200, b"")


async def test_a_body_that_only_trickles_is_not_waited_for(connect: Connect, alice: Person) -> None:
    wire = await connect()
    await wire.send(CALL + b"Authorization: Bearer %b\r\nContent-Length: 9999\r\n\r\n" % alice.token.encode())

    trickling = asyncio.create_task(trickle(wire))

    assert await is_let_go(wire)
    trickling.cancel()


async def trickle(wire: Wire) -> None:
    while True:
        wire.writer.write(b"{")
        await asyncio.sleep(0.02)


async def test_a_client_that_does_not_read_is_let_go(connect: Connect) -> None:
    wire = await connect()
    transport = wire.writer.transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    ahead = GET.replace(b"/healthz", b"/openapi.json") * 90

    wire.writer.write(ahead)
    async with asyncio.timeout(10):
        while not transport.is_closing():
            wire.writer.write(b"\r\n")  # to hear that nobody is there any more
            await asyncio.sleep(0.05)


async def test_a_slow_but_steady_client_is_served(connect: Connect) -> None:
    wire = await connect()
    await wire.send(POST + b"Content-Length: 3200\r\n\r\n")
    for _ in range(16):
        await wire.send(b"a" * 200)

    assert (await wire.answer())[0] == 404


async def test_trailers_without_end_are_cut_off(wire: Wire) -> None:
    await wire.send(POST + CHUNKED + b"0\r\n")

    await flood(wire, b"x-more: and more\r\n")


async def test_chunk_extensions_without_end_are_cut_off(wire: Wire) -> None:
    await wire.send(POST + CHUNKED + b"5;")

    await flood(wire, b"extended and ")


async def flood(wire: Wire, piece: bytes) -> None:
    """Send more than a request may hold beside its body. Raises TimeoutError when the hub goes on reading."""
    with suppress(ConnectionError):
        for _ in range(8):
            await wire.send(piece * (MAX_HEAD_BYTES // len(piece) // 4))
    assert await is_let_go(wire)


async def test_a_trailer_speaks_for_nobody(wire: Wire, alice: Person) -> None:
    trailer = b"Authorization: Bearer %b\r\n" % alice.token.encode()

    await wire.send(CALL + CHUNKED + b"2\r\n{}\r\n0\r\n" + trailer + b"\r\n")

    assert (await wire.answer())[0] == 401


@pytest.mark.parametrize("head", [b"GET /v1/me HTTP/1.1\r\n", CALL + b"Content-Length: 0\r\n"])
async def test_the_first_of_two_authorizations_is_the_one(wire: Wire, alice: Person, head: bytes) -> None:
    good = b"Authorization: Bearer %b\r\n" % alice.token.encode()

    await wire.send(head + b"Authorization: Bearer none\r\n" + good + b"\r\n")

    assert (await wire.answer())[0] == 401


async def test_a_client_far_ahead_gets_the_first_answers_and_no_more(wire: Wire) -> None:
    await wire.send(GET * 1000)

    answers = await asyncio.wait_for(wire.reader.read(), 30)

    assert answers.count(b"HTTP/1.1 200") == MAX_REQUESTS_AHEAD + 1


async def test_nonsense_in_a_body_that_was_refused_gets_no_second_answer(wire: Wire) -> None:
    await wire.send(POST + CHUNKED, b"no number of bytes\r\n")

    assert (await wire.answer())[0] == 404
    assert await wire.is_closed()


async def test_one_connection_too_many_is_told_so_and_the_others_are_served(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "MAX_CONNECTIONS", 3)
    wires = [await connect() for _ in range(4)]

    for wire in wires[:3]:
        await wire.send(GET)

    assert [(await wire.answer())[0] for wire in wires] == [200, 200, 200, 503]
    assert await wires[3].is_closed()


async def test_f52_five_hundred_clients_that_dawdle_keep_nobody_waiting_and_are_let_go(hub: Hub, alice: Person) -> None:
    async with listening(hub, Patience(seconds=2.0, least_bytes=1000)) as open_one:
        dawdlers = [await open_one() for _ in range(500)]
        for number, wire in enumerate(dawdlers):
            wire.writer.write(GET[: number % 10] if number % 2 else CALL + b"Content-Length: 900\r\n\r\n{")

        took: list[float] = []
        for _ in range(50):
            for wire in dawdlers[::10]:
                wire.writer.write(b" ")  # a byte now and then
            began = time.perf_counter()
            assert (await alice.get("/v1/me")).status == 200
            took.append(time.perf_counter() - began)

        assert sorted(took)[-2] < 1.0
        assert all(await asyncio.gather(*(is_let_go(wire) for wire in dawdlers)))
