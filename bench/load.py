"""A closed-loop load generator: each connection sends its next request when it has its answer.

Run it as `python -m bench.load < request.json`; it prints a JSON object with what it saw. It runs in a process of its
own, so that its CPU is not counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import cast

import httptools
import uvloop


@dataclass(frozen=True)
class Work:
    """What to send, to which loopback port, on how many connections, for how long."""

    port: int
    path: str
    headers: dict[str, str]
    bodies: list[str]  # sent in turn; an empty list means GET
    connections: int
    seconds: float
    warm_up_seconds: float = 0.5


@dataclass
class Seen:
    """What came back after the warm-up. `all_answers` also counts the warm-up's; times are in milliseconds."""

    answers: int = 0
    all_answers: int = 0
    refusals: int = 0
    seconds: float = 0.0
    p50: float = 0.0
    p99: float = 0.0


@dataclass
class Meter:
    """Shared by all connections of one run."""

    requests: list[bytes]
    starts_at: float
    ends_at: float
    seen: Seen = field(default_factory=Seen)
    latencies: list[float] = field(default_factory=list[float])
    turns: Iterator[int] = field(default_factory=count)

    def next_request(self) -> bytes:
        return self.requests[next(self.turns) % len(self.requests)]

    def note(self, status: int, began_at: float, now: float) -> None:
        self.seen.all_answers += status == 200
        if status != 200:
            self.seen.refusals += 1
        elif now >= self.starts_at:
            self.latencies.append(now - began_at)


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        self._send()

    def _send(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.began_at = time.perf_counter()
        self.transport.write(self.meter.next_request())

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self.meter.note(self.parser.get_status_code(), self.began_at, now)
        if now < self.meter.ends_at:
            self._send()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None)


async def run(work: Work) -> Seen:
    now = time.perf_counter()
    meter = Meter(_requests(work), now + work.warm_up_seconds, now + work.warm_up_seconds + work.seconds)
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(meter), "127.0.0.1", work.port))[1]
        for _ in range(work.connections)
    ]
    await asyncio.wait_for(
        asyncio.gather(*(connection.done for connection in connections)), work.warm_up_seconds + work.seconds + 30
    )
    return summed_up(meter, work.seconds)


def _requests(work: Work) -> list[bytes]:
    lines = "".join(
        f"{name}: {value}\r\n" for name, value in {"Host": f"127.0.0.1:{work.port}", **work.headers}.items()
    )
    if not work.bodies:
        return [f"GET {work.path} HTTP/1.1\r\n{lines}\r\n".encode()]
    return [
        f"POST {work.path} HTTP/1.1\r\n{lines}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
        for body in work.bodies
    ]


def summed_up(meter: Meter, seconds: float) -> Seen:
    ordered = sorted(meter.latencies)
    seen = meter.seen
    seen.answers, seen.seconds = len(ordered), seconds
    if ordered:
        seen.p50 = ordered[len(ordered) // 2] * 1000
        seen.p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000
    return seen


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(Work(**json.load(sys.stdin)))))))
