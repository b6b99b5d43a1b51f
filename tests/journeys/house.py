"""`make run` as somebody types it: started, read line by line, ended with Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.pasted import REPOSITORY

START_SECONDS = 90
STOP_SECONDS = 30


@dataclass
class House:
    """A Kinto and a hub with the customers connector on it."""

    data: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def curl_lines(self) -> list[str]:
        return [line.strip() for line in self.printed.splitlines() if line.strip().startswith("curl ")]

    def wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + START_SECONDS
        while "/docs" not in self.printed:  # the last thing it says before it waits
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < give_up_at, self.printed
            time.sleep(0.1)

    def stop(self) -> None:
        """Press Ctrl-C: the whole foreground group gets the signal."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(STOP_SECONDS)


@contextmanager
def running_house(data: Path, port: int) -> Generator[House]:
    """Give a running `make run` with its data in `data`."""
    log = data.with_name(f"{data.name}-printed.txt")
    relative = os.path.relpath(data, REPOSITORY)  # as people type it, and as the Makefile's own default is
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "--no-print-directory", "run", f"PORT={port}", f"DATA={relative}"],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
    house = House(data, port, process, log)
    try:
        house.wait_until_ready()
        yield house
    finally:
        house.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
