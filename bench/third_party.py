"""A third party that costs next to nothing: one JSON answer of 1,024 bytes to every request.

Run it as `python -m bench.third_party PORT`; a path that begins with /d50/ answers after 50 ms.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import uvloop

BODY = b'{"id": "thing", "name": "A thing", "filler": "' + b"x" * 976 + b'"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
DELAY_SECONDS = 0.05


class ThirdParty(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        self.parser = httptools.HttpRequestParser(self)
        self.is_slow = False

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.is_slow = url.startswith(b"/d50/")

    def on_message_complete(self) -> None:
        if self.is_slow:
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(ThirdParty, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
