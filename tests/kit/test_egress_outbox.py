"""Requests that leave together: all of them, in time, and none that nobody wants any more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import ExitStack
from typing import Any

import pytest
import uvloop

from jackfield.egress.outbox import MOST, PART, Outbox

MANY = (PART + 1) * MOST


class Line:
    """A connection, with both its ends in our hands."""

    def __init__(self, transport: asyncio.Transport, far_end: socket.socket) -> None:
        self.transport = transport
        self._far_end = far_end

    @property
    def arrived(self) -> bytes:
        """What has come out at the other end."""
        try:
            return self._far_end.recv(1000, socket.MSG_PEEK)
        except BlockingIOError:
            return b""


@pytest.fixture
async def lines() -> AsyncGenerator[list[Line]]:
    loop = asyncio.get_running_loop()
    with ExitStack() as closing:
        made: list[Line] = []
        for _ in range(MANY):
            near, far = socket.socketpair()
            closing.enter_context(far)
            far.setblocking(False)
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
            closing.callback(transport.close)
            made.append(Line(transport, far))
        yield made


async def fill(outbox: Outbox, lines: list[Line]) -> list[int]:
    """Put a request on every line in one turn. Return how many had left after each of them."""
    before = [line.arrived for line in lines]
    left: list[int] = []
    for number, line in enumerate(lines):
        outbox.put(line.transport, b"%d;" % number)
        left.append(sum(one.arrived != earlier for one, earlier in zip(lines, before, strict=True)))
    await asyncio.sleep(0)
    return left


async def test_a_request_that_is_alone_leaves_at_once(lines: list[Line]) -> None:
    outbox = Outbox()

    for line in lines:
        assert await fill(outbox, [line]) == [1]


async def test_when_a_turn_is_over_everything_has_left(lines: list[Line]) -> None:
    outbox = Outbox()

    for turn in range(1, 4):
        await fill(outbox, lines)
        assert [line.arrived for line in lines] == [b"%d;" % number * turn for number in range(MANY)]


@pytest.mark.parametrize(("ready", "together"), [(8, 8 // PART), (40, 40 // PART)])
async def test_part_of_what_is_ready_leaves_together(lines: list[Line], ready: int, together: int) -> None:
    outbox = Outbox()
    await fill(outbox, lines[:ready])

    left = await fill(outbox, lines[:ready])

    assert left == [count // together * together for count in range(1, ready + 1)]


async def test_the_other_side_need_not_wait_for_all_that_is_ready(lines: list[Line]) -> None:
    outbox = Outbox()
    await fill(outbox, lines)

    left = await fill(outbox, lines)

    assert left[MOST - 1] == MOST


async def test_of_whoever_has_given_up_nothing_is_sent(lines: list[Line]) -> None:
    outbox = Outbox()
    await fill(outbox, lines)
    outbox.put(lines[0].transport, b"unwanted;")
    outbox.put(lines[1].transport, b"wanted;")

    lines[0].transport.close()
    await asyncio.sleep(0)

    assert (lines[0].arrived, lines[1].arrived) == (b"0;", b"1;wanted;")


class Told(asyncio.Protocol):
    """Says when something comes in, as the protocols of clients do."""

    def __init__(self) -> None:
        self.news: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.news.set_result(None)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_an_answer_nobody_asked_for_yet_is_not_seen_before_the_request_is_written(
    run: Callable[[Coroutine[Any, Any, bytes]], bytes],
) -> None:
    """What was read as an answer would free the connection, and the request would follow on somebody else's."""

    async def answered_early() -> bytes:
        outbox, (near, far) = Outbox(), socket.socketpair()
        far.setblocking(False)
        transport, told = await asyncio.get_running_loop().create_connection(Told, sock=near)
        with far:
            for _ in range(MANY):  # a busy turn, after which requests wait for each other
                outbox.put(transport, b"")
            await asyncio.sleep(0)
            far.send(b"answer")
            line = Line(transport, far)
            outbox.put(transport, b"request")
            assert line.arrived == b""
            await told.news
            transport.close()
            return line.arrived

    assert run(answered_early()) == b"request"
