"""The inside of a worker: imports one connector, then runs its operations until the socket closes.

    reader       recv → frames → a call goes to the crew or the loop, an answer goes to whoever waits for it
    crew         threads, for plain functions: runner.run → http frames out, answers in → log and result frames out
    loop         one thread, for `async def`: the same with tasks; where there is one, it is the reader too

The worker has this one socket and nothing else: what it asks of the network, the platform does for it.
"""

from __future__ import annotations

import gc
import socket
import sys
import traceback
from functools import partial
from pathlib import Path

import orjson

from jackfield.connector import Connector
from jackfield.project import load, open_project
from jackfield_hub.sandbox import frames
from jackfield_hub.sandbox.crew import Crew, name_the_limit
from jackfield_hub.sandbox.desk import Desk, cut
from jackfield_hub.sandbox.exchanges import Exchanges, ThreadTransport
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
        self._exchanges = Exchanges()
        self._meter = Meter(order.max_processor_seconds, self._overspent)
        self._crew = Crew()
        needs_loop = self._desk.has_async_operations
        self._loop = Loop(self._desk, self._exchanges, outbox, self._meter) if needs_loop else None

    def serve(self, connection: socket.socket) -> None:
        parser = frames.Parser(frames.TO_WORKER)
        if self._loop is not None:
            self._loop.serve(connection, parser, self._take)
            return
        for arrived in frames.read_frames(connection, parser):
            for frame in arrived:
                self._take(frame)

    def _take(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Call):
            if self._loop is not None and self._desk.is_async(frame):
                self._loop.start(frame)
            else:
                self._crew.run(partial(self._answer, frame))
        elif isinstance(frame, frames.HttpAnswer | frames.HttpKept | frames.HttpFailed):
            self._exchanges.take(frame)
        elif isinstance(frame, frames.Cancel) and self._loop is not None:
            self._loop.cancel(frame.call_id)

    def _answer(self, frame: frames.Call) -> None:
        """Run one call on this thread, and send what comes of it."""
        with self._meter.measured(frame.call_id):
            answer = self._desk.run(frame, ThreadTransport(frame.call_id, self._exchanges, self._outbox))
        self._outbox.send(answer)

    def _overspent(self, call_id: int) -> None:
        self._outbox.send(frames.encode(frames.Overspent(call_id)))
