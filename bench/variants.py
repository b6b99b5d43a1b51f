"""What is measured side by side: running servers that ask the same third party for the same answer."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Work
from examples.local_hub import Hub, running_hub
from jackfield.project import open_project

ECHO = Path(__file__).parent / "echo"
START_SECONDS = 60

NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream third_party {{ server 127.0.0.1:{third_party}; keepalive 512; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    keepalive_requests 1000000;
    location / {{ proxy_pass http://third_party; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@dataclass(frozen=True)
class Variant:
    """A running server: its process, and what to send it."""

    name: str
    process: int
    port: int
    path: str
    headers: dict[str, str]
    bodies: list[str]
    hub: Hub | None = None

    def work(self, connections: int, seconds: float) -> Work:
        return Work(self.port, self.path, self.headers, self.bodies, connections, seconds)

    def tasks(self) -> int | None:
        """Return how many calls the hub's ledger holds, or None when the variant keeps none."""
        return None if self.hub is None else int(self.hub.ask("GET", "/v1/usage")["tasks"])


@contextmanager
def all_variants(folder: Path, third_party: int) -> Generator[list[Variant]]:
    """Give every variant that can run on this machine; end them when the block ends."""
    with ExitStack() as stack:
        variants = [stack.enter_context(jackfield(folder, third_party))]
        if shutil.which("nginx") or Path("/usr/sbin/nginx").exists():
            variants.insert(0, stack.enter_context(nginx(folder, third_party)))
        if shutil.which("node-red"):
            variants.append(stack.enter_context(node_red(folder, third_party)))
        yield variants


@contextmanager
def jackfield(folder: Path, third_party: int) -> Generator[Variant]:
    """A hub with the echo connector: token, input schema, credentials, egress policy, worker and ledger all on."""
    (folder / "hub").mkdir(parents=True)
    port = free_port()
    with running_hub(folder, port) as (hub, process):
        hub.deploy(open_project(ECHO))
        headers = {"Authorization": f"Bearer {hub.master_token}", "Content-Type": "application/json"}
        bodies = list(_call_bodies(_create_auth(hub, third_party)))
        path = "/core/v1/connectors/echo/versions/1.0/call"
        yield Variant("jackfield", process.pid, port, path, headers, bodies, hub)


def _create_auth(hub: Hub, third_party: int) -> str:
    environments = hub.ask("GET", "/core/v1/services/echo/versions/1/environments")["elements"]
    auth = {
        "name": "bench",
        "serviceEnvironmentId": environments[0]["id"],
        "userData": {"server": f"http://127.0.0.1:{third_party}"},
        "credentials": {"apiKey": "a key of the bench"},
    }
    return hub.ask("POST", "/core/v1/authentications", auth)["id"]


def _call_bodies(auth_id: str) -> Iterator[str]:
    for number in range(64):
        call = {"operation": "get_thing", "input": {"thing_id": f"thing-{number}", "limit": 10}, "authId": auth_id}
        yield json.dumps(call)


@contextmanager
def nginx(folder: Path, third_party: int) -> Generator[Variant]:
    """A reverse proxy that keeps its connections: what passing a request on costs at least."""
    port = free_port()
    place = folder / "nginx"
    place.mkdir()
    (place / "nginx.conf").write_text(NGINX.format(folder=place, third_party=third_party, port=port))
    command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(place / "nginx.conf"), "-p", str(place)]
    with running(command, port) as process:
        yield Variant("nginx proxy", process.pid, port, "/things/1?limit=10", {}, [])


@contextmanager
def node_red(folder: Path, third_party: int) -> Generator[Variant]:
    """Node-RED with the three nodes that do the same: HTTP in, HTTP request, HTTP response. No token, no ledger."""
    port = free_port()
    place = folder / "node-red"
    place.mkdir()
    (place / "flows.json").write_text(json.dumps(_flow(third_party)))
    (place / "settings.js").write_text("module.exports = {httpAdminRoot: false, logging: {console: {level: 'off'}}}")
    command = ["node-red", "--port", str(port), "--userDir", str(place), "--settings", str(place / "settings.js")]
    with running([*command, str(place / "flows.json")], port) as process:
        _wait_for_answer(port, "/call")
        yield Variant("node-red", process.pid, port, "/call", {}, [])


def _flow(third_party: int) -> list[dict[str, object]]:
    url = f"http://127.0.0.1:{third_party}/things/1?limit=10"
    return [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "in", "z": "tab", "type": "http in", "url": "/call", "method": "get", "wires": [["ask"]]},
        {
            "id": "ask", "z": "tab", "type": "http request", "method": "GET", "ret": "obj", "url": url,
            "persist": True, "wires": [["out"]],
        },
        {"id": "out", "z": "tab", "type": "http response", "statusCode": "", "wires": []},
    ]  # fmt: skip


@contextmanager
def running(command: list[str], port: int) -> Generator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; the block begins when the server accepts connections."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


def _wait_for_answer(port: int, path: str) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            if connection.recv(12).endswith(b"200"):
                return
        time.sleep(0.1)
    raise SystemExit(f"port {port} does not answer {path}")


def environment() -> dict[str, str]:
    """Return what a reader needs to judge the numbers."""
    return {
        "cores": str(os.cpu_count()),
        "python": sys.version.split()[0],
        "kernel": os.uname().release,
        "load": f"{os.getloadavg()[0]:.2f}",
    }
