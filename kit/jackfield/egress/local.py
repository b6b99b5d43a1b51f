"""The egress engine for a developer's own machine: the command and live tests send through it."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.policy import AddressPolicy
from jackfield.egress.streams import Streams
from jackfield.exchange import Request, Response
from jackfield.local_files import LocalFiles

#: Whoever types a command may reach what their machine reaches: a service on localhost, in the office, in a lab.
OWN_NETWORKS = AddressPolicy.allowing(
    ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]
)


class LocalTransport:
    """A Transport over an engine on a thread of its own.

    Use it in a `with` block; every request has `deadline_seconds`. Raises what the engine raises. Files are of this
    machine; those that answers become are made in the folder of `files`.
    """

    def __init__(self, grant: Grant, deadline_seconds: float = 30.0, files: LocalFiles | None = None) -> None:
        self._grant = grant
        self._files = files or LocalFiles()
        self._deadline_seconds = deadline_seconds
        self._engine = Engine()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="jackfield-egress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def send(self, request: Request) -> Response:
        return self._sending(request).result()

    async def exchange(self, request: Request) -> Response:
        return await asyncio.wrap_future(self._sending(request))

    def _sending(self, request: Request) -> Future[Response]:
        return asyncio.run_coroutine_threadsafe(self._send(request), self._loop)

    async def _send(self, request: Request) -> Response:
        if self._files.serves(request):
            return self._files.serve(request)
        if request.files is not None:
            return await self._files.carry(request, request.files, self._send_streams)
        return await self._send_streams(request)

    async def _send_streams(self, request: Request, streams: Streams | None = None) -> Response:
        deadline = time.monotonic() + self._deadline_seconds
        return await self._engine.send(request, self._grant, deadline, streams)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Close the engine, and give up requests nobody waits for any more: somebody pressed Ctrl-C."""
        abandoned = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for sending in abandoned:
            sending.cancel()
        await asyncio.gather(*abandoned, return_exceptions=True)
        await self._engine.close()
