"""Other programs that do the same, as far as they do it: `make bench` with `--peers FOLDER` installs them there."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bench.variants import START_SECONDS, THING, Case, Variant, free_port, paths, running

NODE_RED, OFFICIAL = "Node-RED", "official runtime"
PACKAGES = (
    "node-red@4.1",
    "@trayio/cdk-runtime@4.65.0",
    "@trayio/cdk-dsl@4.65.0",
    "@trayio/axios@4.65.0",
    "@trayio/commons@4.65.0",
)
OFFICIAL_SERVER = Path(__file__).parent / "official_runtime" / "server.js"


def install(folder: Path) -> None:
    """Put the peers' packages in this folder, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / ".bin" / "node-red").exists():
        command = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", *PACKAGES]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def node_red(installed: Path, folder: Path, third_party: int) -> Generator[Variant]:
    """Node-RED with the three nodes that do the same: HTTP in, HTTP request, HTTP response. No token, no ledger."""
    port, place = free_port(), folder / "node-red"
    place.mkdir()
    (place / "flows.json").write_text(json.dumps([node for case in Case for node in _flow(third_party, case)]))
    (place / "settings.js").write_text("module.exports = {httpAdminRoot: false, logging: {console: {level: 'off'}}}")
    program = installed / "node_modules" / "node-red" / "red.js"
    command = ["node", str(program), "--port", str(port), "--userDir", str(place)]
    with running([*command, "--settings", str(place / "settings.js"), str(place / "flows.json")], port) as process:
        _wait_for_answer(port, "/call")
        yield Variant(NODE_RED, (process.pid,), port, paths("/call"))


def _flow(third_party: int, case: Case) -> list[dict[str, object]]:
    url, tag = f"http://127.0.0.1:{third_party}{case}{THING}", case.name
    return [
        {"id": f"tab{tag}", "type": "tab", "label": tag},
        {
            "id": f"in{tag}", "z": f"tab{tag}", "type": "http in", "url": f"{case}/call", "method": "get",
            "wires": [[f"ask{tag}"]],
        },
        {
            "id": f"ask{tag}", "z": f"tab{tag}", "type": "http request", "method": "GET", "ret": "obj", "url": url,
            "persist": True, "wires": [[f"out{tag}"]],
        },
        {"id": f"out{tag}", "z": f"tab{tag}", "type": "http response", "statusCode": "", "wires": []},
    ]  # fmt: skip


@contextmanager
def official_runtime(installed: Path, third_party: int) -> Generator[Variant]:
    """The official runtime in one process, behind Node's own HTTP server. No token, no schema, no jail, no ledger."""
    port = free_port()
    settings = {"NODE_PATH": str(installed / "node_modules"), "THIRD_PARTY": f"http://127.0.0.1:{third_party}"}
    body = json.dumps({"operation": "get_thing", "input": {"thing_id": "thing-1", "limit": 10}})
    with running(["node", str(OFFICIAL_SERVER), str(port)], port, settings) as process:
        yield Variant(OFFICIAL, (process.pid,), port, {Case.QUICK: "/"}, {Case.QUICK: [body]})


def _wait_for_answer(port: int, path: str) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            if connection.recv(12).endswith(b"200"):
                return
        time.sleep(0.1)
    raise SystemExit(f"port {port} does not answer {path}")
