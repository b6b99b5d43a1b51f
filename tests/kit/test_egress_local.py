"""The engine on a developer's own machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jackfield.egress.grant import Grant
from jackfield.egress.local import OWN_NETWORKS, LocalTransport
from jackfield.egress.policy import HostRule
from jackfield.errors import NoAnswer, NotAllowed, NotFound, TimedOut
from jackfield.exchange import Request
from jackfield.http import Http


@pytest.fixture
def service() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/hang":
                stopped.wait(10)
            self.send_response(200 if self.path == "/here" else 404)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    stopped.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_handler_reaches_a_service_on_its_authors_machine(service: str):
    with LocalTransport(Grant((HostRule.parse(service),), addresses=OWN_NETWORKS)) as transport:
        http = Http(transport, service)

        assert http.get("/here").json() == {}
        with pytest.raises(NotFound):
            http.get("/gone")
        with pytest.raises(NotAllowed):
            http.get("https://elsewhere.test/")


def test_the_deadline_is_one_for_each_request(service: str):
    with LocalTransport(Grant((HostRule.parse(service),), addresses=OWN_NETWORKS), deadline_seconds=0.2) as transport:
        for _ in range(2):
            with pytest.raises(TimedOut):
                transport.send(Request("GET", f"{service}/hang"))


def test_threads_may_share_it(service: str):
    statuses: list[int] = []
    with LocalTransport(Grant((HostRule.parse(service),), addresses=OWN_NETWORKS)) as transport:
        threads = [
            threading.Thread(target=lambda: statuses.append(transport.send(Request("GET", f"{service}/here")).status))
            for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert statuses == [200] * 10


def test_metadata_addresses_stay_closed_even_here():
    grant = Grant((HostRule.parse("http://169.254.169.254"),), addresses=OWN_NETWORKS)
    with LocalTransport(grant) as transport, pytest.raises((NotAllowed, NoAnswer), match="not on the public internet"):
        transport.send(Request("GET", "http://169.254.169.254/latest/meta-data/"))
