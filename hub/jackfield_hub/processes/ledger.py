"""The process that writes the ledger for all others: `python -m jackfield_hub.processes.ledger`."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine
from typing import Any

import uvloop

from jackfield_hub.calls.ledger.writer import LedgerWriter
from jackfield_hub.database import DatabaseAway
from jackfield_hub.processes.channel import Said, Settle
from jackfield_hub.processes.child import Child, being_child


async def main() -> None:
    haste = asyncio.Event()
    async with being_child(haste.set) as child:
        try:
            await _write(child, haste)
        except DatabaseAway:
            child.cannot_start("the ledger cannot be opened", "look at the data folder: is the disk full?")


async def _write(child: Child, haste: asyncio.Event) -> None:
    os.close(child.descriptors["lives"])
    os.close(child.descriptors["listener"])  # we outlive all who serve: new connections would wait for nobody
    writer = await LedgerWriter.open(child.settings.data_dir / "usage.db", child.processes)

    def hear(said: Said) -> None:
        if isinstance(said, Settle):
            writer.settle(said.process)

    child.listen(hear)
    await writer.serve(socket.socket(fileno=child.descriptors["ledger"]))
    child.ready()
    await child.stopping.wait()
    if child.is_orphan:  # else the supervisor has seen to it that nobody is left we write for
        await _either(_all_gone(child.descriptors["lifeline"]), haste.wait())
    await writer.close()


async def _all_gone(lifeline: int) -> None:
    """Return when no process holds the other end of this pipe any more."""
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(lifeline, gone.set)
    await gone.wait()
    loop.remove_reader(lifeline)


async def _either(*waiting: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main())
