"""The inside of a worker: imports one connector, then runs its operations until the socket closes.

    crew         threads, for plain functions: frames in → runner.run → http frames out, answers in → log and result out
    loop         one thread, for `async def`: the same with tasks; where there is one, it reads for the crew too

The worker has this one socket and nothing else: what it asks of the network, the platform does for it.
"""

from __future__ import annotations

import gc
import socket
import sys
import traceback
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import orjson

from jackfield.connector import Connector
from jackfield.project import load, open_project
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.crew import Answer, Crew, name_the_limit
from jackfield_hub.sandbox.desk import Desk, cut
from jackfield_hub.sandbox.exchanges import ThreadTransport
from jackfield_hub.sandbox.loop import Loop
from jackfield_hub.sandbox.meter import Meter
from jackfield_hub.sandbox.orders import Hire
from jackfield_hub.sandbox.outbox import Outbox
from jackfield_hub.sandbox.prints import Prints


def work(order: Hire, folder: Path, connection: socket.socket) -> None:
    """Load the connector of the bundle in `folder` and answer calls until the platform closes the socket."""
    outbox = Outbox(connection)
    prints = Prints(order.max_log_bytes)
    prints.replace_streams()
    name_the_limit()
    prints.start()
    try:
        connector, manifest = _load(order, folder)
        ready = frames.encode(frames.Ready(), manifest)
    except BaseException:  # the code is a stranger's: it may well say sys.exit
        log = prints.take() + traceback.format_exc(limit=-20)
        outbox.send(frames.encode(frames.LoadFailed(), cut(log, order.max_log_bytes)))
        return
    prints.take()
    gc.freeze()
    outbox.send(ready)
    _Worker(order, connector, outbox, prints).serve(connection)


def _load(order: Hire, folder: Path) -> tuple[Connector, bytes]:
    """Import the connector. Return it and, when asked for, its manifest as JSON."""
    # Never site.addsitedir: a .pth file in a dependency would run as code.
    sys.path.insert(0, str(folder / "deps"))
    project = open_project(folder / "source")
    connector = load(project)
    if not order.describes:
        return connector, b""
    return connector, orjson.dumps(connector.manifest(project.metadata).to_json())


class _Worker:
    def __init__(self, order: Hire, connector: Connector, outbox: Outbox, prints: Prints) -> None:
        self._outbox = outbox
        self._desk = Desk(order, connector, prints)
        self._meter = Meter(order.max_processor_seconds, self._overspent)

    def serve(self, connection: socket.socket) -> None:
        """Answer calls until the other side closes."""
        parser = frames.Parser(frames.TO_WORKER)
        if self._desk.has_async_operations:
            self._serve_on_loop(connection, parser)
            return
        crew = Crew(partial(frames.read, connection, parser), self._answer, self._outbox)
        crew.start()
        crew.join()

    def _serve_on_loop(self, connection: socket.socket, parser: frames.Parser) -> None:
        """The same, where the loop has to read: what is for threads is passed on to them."""
        loop = Loop(self._desk, self._outbox, self._meter)
        passed_on: SimpleQueue[frames.Frame] = SimpleQueue()
        crew = Crew(lambda: [passed_on.get()], self._answer, self._outbox)

        def take(frame: frames.Frame) -> None:
            if isinstance(frame, frames.Cancel):
                loop.cancel(frame.call_id)
            elif isinstance(frame, frames.Call) and self._desk.is_async(frame):
                loop.start(frame)
            elif isinstance(frame, frames.Call) or (isinstance(frame, Answer) and not loop.take(frame)):
                crew.start()
                passed_on.put(frame)

        loop.serve(connection, parser, take)

    def _answer(self, crew: Crew, frame: frames.Call) -> bytes:
        """Run one call on this thread; return what comes of it."""
        share = self._meter.share(frame.call_id)
        share.begin()
        try:
            return self._desk.run(frame, ThreadTransport(frame.call_id, crew))
        finally:
            share.end()

    def _overspent(self, call_id: int) -> None:
        self._outbox.send(frames.encode(frames.Overspent(call_id)))
