"""What is measured side by side: running servers that ask the same third party for the same answer, and the floors."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bench.load import Work

START_SECONDS = 60
THING = "/things/1?limit=10"

NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream third_party {{ server 127.0.0.1:{third_party}; keepalive 1024; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    keepalive_requests 1000000;
    location / {{ proxy_pass http://third_party; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


class Case(StrEnum):
    """How the third party answers, always with 1 KB of JSON. The value is how its paths begin."""

    QUICK = ""  #: at once
    SLOW = "/d50"  #: after 50 ms


@dataclass(frozen=True)
class Variant:
    """A running server: its processes with all their descendants, and what to send it."""

    name: str
    processes: tuple[int, ...]
    port: int
    paths: Mapping[Case, str]
    bodies: Mapping[Case, list[str]] = field(default_factory=dict[Case, list[str]])  #: none: it is asked with GET
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    count_tasks: Callable[[], int] | None = None  #: how many calls its ledger holds, where it keeps one

    def work(self, connections: int, seconds: float, case: Case = Case.QUICK) -> Work:
        bodies = self.bodies.get(case, [])
        return Work(self.port, self.paths[case], dict(self.headers), bodies, connections, seconds)


def paths(path: str) -> dict[Case, str]:
    """Return what to ask a server for that passes paths on."""
    return {case: f"{case}{path}" for case in Case}


@contextmanager
def nginx(folder: Path, third_party: int) -> Generator[Variant]:
    """A reverse proxy that keeps its connections: what passing a request on costs at least."""
    port = free_port()
    place = folder / "nginx"
    place.mkdir()
    (place / "nginx.conf").write_text(NGINX.format(folder=place, third_party=third_party, port=port))
    command = [nginx_program() or "nginx", "-c", str(place / "nginx.conf"), "-p", str(place)]
    with running(command, port) as process:
        yield Variant("nginx proxy", (process.pid,), port, paths(THING))


def nginx_program() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def running(command: list[str], port: int, environment: Mapping[str, str] = {}) -> Generator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; the block begins when the server accepts connections."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        _wait_for_port(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def third_party() -> Generator[int]:
    """Run the third party; give its port."""
    port = free_port()
    with running([sys.executable, "-m", "bench.third_party", str(port)], port):
        yield port


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{process.args} did not start")


def environment() -> dict[str, str]:
    """Return what a reader needs to judge the numbers."""
    return {
        "cores": str(os.cpu_count()),
        "python": sys.version.split()[0],
        "kernel": os.uname().release.partition("-")[0],
        "load": f"{os.getloadavg()[0]:.2f}",
    }
