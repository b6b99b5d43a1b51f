"""A hub as its operator runs it: `jackfield serve` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

START_SECONDS = 120
COMMAND = (sys.executable, "-m", "jackfield_hub")


@dataclass
class HubProcess:
    """A running `jackfield serve`."""

    process: subprocess.Popen[bytes]
    data: Path
    url: str
    log: Path
    database: str = ""  #: the URL of its database; "" for the one in its data folder

    @property
    def tokens_file(self) -> Path:
        return self.data / "tokens.json"

    @property
    def tokens(self) -> dict[str, Any]:
        return json.loads(self.tokens_file.read_text())

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[int, Any]:
        """Return status and JSON of the answer, asked with the master token if not told otherwise."""
        content = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, content, dict(headers), method=method)
        request.add_header("Authorization", f"Bearer {self.tokens['masterToken'] if token is None else token}")
        try:
            with urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def kill(self) -> None:
        """End it as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 40) -> int:
        """End it as an operator would, and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(seconds)

    def said(self) -> str:
        """Return all it has written to stderr."""
        return self.log.read_text()


def start(data: Path, command: Sequence[str] = COMMAND, **settings: str) -> HubProcess:
    """Run a hub on a free port, and return when it is ready. Settings are environment variables without prefix."""
    port = free_port()
    process, log = spawn(data, port, command, **settings)
    hub = HubProcess(process, data, f"http://127.0.0.1:{port}", log, settings.get("database", ""))
    _wait_until_ready(hub)
    return hub


def spawn(
    data: Path, port: int, command: Sequence[str] = COMMAND, **settings: str
) -> tuple[subprocess.Popen[bytes], Path]:
    """Run a hub without waiting for it; return the process and the file with what it says."""
    unlimited = {"requests_per_second": "0", "organization_requests_per_second": "0"}  # tests ask again and again
    given = {f"JACKFIELD_{name.upper()}": value for name, value in (unlimited | settings).items()}
    log = data.with_name(f"{data.name}-{time.monotonic_ns()}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--data", str(data), "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env={**os.environ, **given},
            start_new_session=True,
        )
    return process, log


@contextmanager
def running(data: Path, **settings: str) -> Generator[HubProcess]:
    """Run a hub until the block ends."""
    hub = start(data, **settings)
    try:
        yield hub
    finally:
        if hub.process.poll() is None:
            hub.kill()


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _wait_until_ready(hub: HubProcess) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and hub.process.poll() is None:
        try:
            with urlopen(f"{hub.url}/readyz", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.02)
    hub.process.kill()
    raise AssertionError(f"the hub did not start: {hub.said()}")
