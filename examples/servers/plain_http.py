"""Sends a request with the standard library, as it is: no redirects, no repetition."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from jackfield.exchange import Request, Response


def send(request: Request) -> Response:
    """Return the answer. `http://` only."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(request.method, target, request.body or None, dict(request.headers))
        answer = connection.getresponse()
        return Response(answer.status, tuple(answer.getheaders()), answer.read(), request.url)
    finally:
        connection.close()


def get(url: str) -> Response:
    return send(Request("GET", url))
