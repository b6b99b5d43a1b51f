"""The process that writes the ledger for all others: `python -m jackfield_hub.processes.ledger`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
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
    writer = await LedgerWriter.open(child.settings.data_dir / "usage.db", child.processes)

    def hear(said: Said) -> None:
        if isinstance(said, Settle):
            writer.settle(said.process)

    child.listen(hear)
    await writer.serve(socket.socket(fileno=child.descriptors["ledger"]))
    child.ready()
    await child.stopping.wait()
    with suppress(TimeoutError):  # should we be told to end before those we write for
        async with asyncio.timeout(2 * child.settings.drain_seconds):
            await _either(writer.until_nobody_is_left(), haste.wait())
    await writer.close()


async def _either(*waiting: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main())
