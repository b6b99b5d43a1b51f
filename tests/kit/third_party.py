"""A service at this machine that is not ours: GET /products/1 answers, and says with which key it was asked."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Products(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        key = self.headers.get("X-Key", "")
        body = json.dumps({"id": 1, "title": f"Lamp for {key}", "price": 9.5}).encode()
        self.send_response(200 if self.path == "/products/1" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the library)
        return


@contextmanager
def third_party() -> Generator[str]:
    """Give the service's address while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Products)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
