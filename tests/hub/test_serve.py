"""`jackfield serve` as its operator sees it: first start, later starts, and every way to stop."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.hub.processes import HubProcess, free_port, running, spawn, start

STOP_SECONDS = 40


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def said_before_it_gave_up(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return what a hub said that could not start."""
    assert process.wait(STOP_SECONDS) == 1
    return log.read_text()


def test_the_first_start_leaves_the_tokens_where_only_the_owner_finds_them(hub_process: HubProcess) -> None:
    tokens = hub_process.tokens

    assert set(tokens) == {"organizationId", "masterToken", "apiToken", "owner"}
    assert set(tokens["owner"]) == {"email", "password"}
    for path in (hub_process.data, *hub_process.data.rglob("*")):
        allowed = stat.S_IXGRP | stat.S_IXOTH if path.is_dir() else 0  # workers of a root hub pass through
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 & ~allowed == 0, path
    assert str(hub_process.data / "tokens.json") in hub_process.said()
    for secret in (tokens["masterToken"], tokens["apiToken"], tokens["owner"]["password"]):
        assert secret not in hub_process.said()
    status, me = hub_process.ask("GET", "/v1/me")
    assert (status, me["organizationId"], me["email"]) == (200, tokens["organizationId"], tokens["owner"]["email"])
    assert hub_process.ask("GET", "/v1/me", token=tokens["apiToken"])[1]["kind"] == "api"


def test_a_later_start_leaves_everything_as_it_was(data: Path) -> None:
    with running(data) as hub:
        tokens = (data / "tokens.json").read_bytes()
        assert hub.stop() == 0
    (data / "tokens.json").unlink()

    with running(data) as hub:
        assert not (data / "tokens.json").exists()
        assert hub.ask("GET", "/v1/me", token=json.loads(tokens)["masterToken"])[0] == 200
        assert "First start" not in hub.said()


def test_a_hub_killed_at_any_moment_of_its_first_start_can_still_be_used(data: Path) -> None:
    for moment in (0.3, 0.5, 0.7, 0.9, 1.1):
        process, _ = spawn(data, free_port())
        time.sleep(moment)
        process.kill()
        process.wait()

    with running(data) as hub:
        assert hub.ask("GET", "/v1/me")[0] == 200


def test_tokens_of_another_database_are_kept_aside(data: Path) -> None:
    with running(data) as hub:
        hub.stop()
    tokens = (data / "tokens.json").read_bytes()
    for path in data.glob("core.db*"):
        path.unlink()

    with running(data) as hub:
        assert hub.ask("GET", "/v1/me")[0] == 200

    assert (data / "old-tokens.json").read_bytes() == tokens


def test_a_second_hub_on_the_same_folder_is_refused(hub_process: HubProcess) -> None:
    said = said_before_it_gave_up(*spawn(hub_process.data, free_port()))

    assert f"in use by another hub (process {hub_process.process.pid})" in said
    assert "Traceback" not in said
    assert hub_process.ask("GET", "/v1/me")[0] == 200


def test_after_a_kill_the_folder_is_free_again(hub_process: HubProcess) -> None:
    hub_process.kill()

    with running(hub_process.data) as hub:
        assert hub.ask("GET", "/v1/me")[0] == 200


def test_a_port_that_is_taken_is_named(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = said_before_it_gave_up(*spawn(data, port))

    assert f"cannot listen on 127.0.0.1 port {port}" in said
    assert "--port" in said
    assert "Traceback" not in said
    assert not data.exists()


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"call_seconds": "soon"}, "JACKFIELD_CALL_SECONDS"),
        ({"host": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
        ({"database": "sqlite:////no/such/folder/core.db"}, "the database does not answer"),
    ],
)
def test_what_keeps_it_from_starting_is_said_in_one_sentence(data: Path, settings: dict[str, str], hint: str) -> None:
    said = said_before_it_gave_up(*spawn(data, free_port(), **settings))

    assert hint in said
    assert "Traceback" not in said


def test_a_data_folder_that_is_a_file_is_refused(data: Path) -> None:
    data.write_text("not a folder")

    process, log = spawn(data, free_port())

    assert process.wait(STOP_SECONDS) in (1, 2)
    assert str(data) in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopping_hub_answers_what_was_asked_and_takes_no_more(data: Path, number: signal.Signals) -> None:
    hub = start(data)
    port = int(hub.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=STOP_SECONDS) as slow:
        body = b'{"operation": "x", "input": {}}'
        head = f"POST /core/v1/connectors/no/versions/1.0/call HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
        slow.sendall(head.encode() + f"Authorization: Bearer {hub.tokens['masterToken']}\r\n\r\n".encode() + body[:10])
        time.sleep(0.2)
        hub.process.send_signal(number)
        _until_it_takes_no_more(port)

        slow.sendall(body[10:])
        answer = slow.recv(65536)

    assert answer.startswith(b"HTTP/1.1 404")
    assert b"connection: close" in answer
    assert hub.process.wait(STOP_SECONDS) == 0
    assert "Traceback" not in hub.said()


def _until_it_takes_no_more(port: int) -> None:
    give_up_at = time.monotonic() + STOP_SECONDS
    while time.monotonic() < give_up_at:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError("the hub still takes connections")


def test_a_client_that_never_finishes_is_cut_off_in_the_end(data: Path) -> None:
    hub = start(data, drain_seconds="0.5")
    port = int(hub.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=STOP_SECONDS) as slow:
        slow.sendall(b"POST /core/v1/connectors/no/versions/1.0/call HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        time.sleep(0.2)

        assert hub.stop(STOP_SECONDS) == 0

    assert "Traceback" not in hub.said()


def test_many_clients_at_once_are_all_served_while_it_starts_and_stops(data: Path) -> None:
    hub = start(data)
    outcomes: list[int] = []

    def ask() -> None:
        for _ in range(10):
            outcomes.append(hub.ask("GET", "/v1/me")[0])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == [200] * 80
    assert hub.stop() == 0


def test_the_log_of_a_whole_life_is_json_but_for_what_it_tells_its_operator(hub_process: HubProcess) -> None:
    hub_process.ask("GET", "/v1/me")
    hub_process.ask("GET", "/nothing")
    hub_process.stop()

    lines = hub_process.said().splitlines()
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    told = [line for line in lines if not line.startswith("{")]
    assert [line["status"] for line in logged if line["route"] != "/readyz"] == [200, 404]
    assert [line.split()[0] for line in told] == ["First", "The", "Stopping:"]
