"""A small server that answers the public API the way its documents say. To the command it is a stranger."""

from __future__ import annotations

import base64
import io
import json
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

TOKEN = "jf_api_stand-in-token-0123456789"
DEPLOYMENT_ID = "3c5e0000-0000-0000-0000-000000002387"
SERVICE = {"id": "e73d8e91-0000-0000-0000-000000000000", "name": "acme", "version": 1}

OPERATIONS = [
    {
        "name": "get_product",
        "title": "Get product",
        "description": "Read one product.",
        "inputSchema": {
            "type": "object",
            "properties": {"product_id": {"type": "integer"}, "currency": {"type": "string"}},
            "required": ["product_id"],
        },
        "outputSchema": {"type": "object", "properties": {}},
        "hasDynamicOutput": False,
    }
]


@dataclass
class Seen:
    """One request as it came in."""

    method: str
    path: str
    token: str
    body: Any


@dataclass
class StandInHub:
    """What it answers is in its fields, what it was asked in `seen`."""

    versions: list[str] = field(default_factory=lambda: ["1.9", "1.10"])
    states: list[dict[str, Any]] = field(default_factory=lambda: [{"deploymentStatus": "Deployed"}])
    is_repeat: bool = False
    refuse_with: tuple[int, bytes] | None = None
    location: str = ""
    outcome: dict[str, Any] = field(default_factory=lambda: {"outcome": "success", "output": {"id": 1}})
    seen: list[Seen] = field(default_factory=list[Seen])
    calls: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])  #: all of them, for each time it is asked
    hang: threading.Event | None = None

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def uploaded_names(self) -> list[str]:
        """The files in the archive that was deployed last."""
        source = next(one.body["connectorSourceCode"] for one in reversed(self.seen) if one.method == "POST")
        return zipfile.ZipFile(io.BytesIO(base64.b64decode(source, validate=True))).namelist()

    def answer(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "The request is unauthorized"}
        if path == "/v1/me":
            return 200, {"username": "alice"}
        if path == "/core/v1/connectors":
            described = {"name": "acme", "title": "Acme", "description": "A shop.", "service": SERVICE}
            return 200, {"elements": [{**described, "version": version} for version in self.versions]}
        if path.startswith("/cdk/v1/deployments/connectors/"):
            return self._deployments(path.split("/")[5:], method)
        if path.startswith("/v1/calls"):
            return self._history(path)
        return self._connector(path.split("/")[4:])

    def _history(self, path: str) -> tuple[int, Any]:
        if path.startswith("/v1/calls?"):
            return 200, self._page(dict(parse_qsl(urlsplit(path).query)))
        found = [one for one in self.calls[0] if path == f"/v1/calls/{one['id']}"]
        return (200, found[0]) if found else (404, {"message": "There is no call with this id"})

    def _page(self, asked: dict[str, str]) -> dict[str, Any]:
        if "cursor" not in asked:
            self._asked_calls = self.calls.pop(0) if len(self.calls) > 1 else self.calls[0]
        below = [one for one in self._asked_calls if "cursor" not in asked or one["id"] < asked["cursor"]]
        page = below[: int(asked["first"])]
        return {
            "elements": page,
            "pageInfo": {"hasNextPage": page != below, "endCursor": page[-1]["id"] if page else ""},
        }

    def _deployments(self, words: list[str], method: str) -> tuple[int, Any]:
        name, _, version, last = words
        about = {"id": DEPLOYMENT_ID, "connectorName": name, "connectorVersion": version}
        if method == "POST" and last == "deploy-connector-from-source":
            return 200, {**about, "deploymentStatus": "Deploying"} | (
                {"repeatDeployment": True} if self.is_repeat else {}
            )
        if method == "GET" and last in (DEPLOYMENT_ID, "latest"):
            return 200, {**about, **(self.states.pop(0) if len(self.states) > 1 else self.states[0])}
        return 404, {"message": "There is no such deployment", "code": "not_found"}

    def _connector(self, words: list[str]) -> tuple[int, Any]:
        name, _, version, last = words
        if name != "acme" or version not in self.versions:
            return 404, {"message": "There is no such connector"}
        return 200, {"elements": OPERATIONS} if last == "operations" else self.outcome

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def do_DELETE(self) -> None:
                self._serve()

            def do_PUT(self) -> None:
                self._serve()

            def _serve(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                is_json = self.headers.get("Content-Type") == "application/json"
                token, body = self.headers.get("Authorization", ""), json.loads(content) if is_json else None
                hub.seen.append(Seen(self.command, self.path, token, body))
                if hub.hang is not None:
                    hub.hang.wait(30)
                status, answer = hub.refuse_with or hub.answer(self.command, self.path, token, body)
                sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                if hub.location:
                    self.send_header("Location", hub.location)
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name in the library)
                return

        return Handler
