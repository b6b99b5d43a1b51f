"""A disk that is really full: a small one that only the hub sees it is mounted for, filled from outside."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.calls.ledger.running import SLOT_BYTES, SLOTS
from tests.hub.connectors import connector_zip, deploy_body, deploy_path, deployment_path
from tests.hub.processes import COMMAND, HubProcess, free_port, spawn, start

PATIENCE = 60  # seconds: a generous ceiling
DISK_BYTES = 16 << 20
BALLAST = "ballast"
CALL = "/core/v1/connectors/acme/versions/1.0/call"
SAY: dict[str, Any] = {"operation": "say", "input": {}}

# What is mounted there is seen by nobody else, and gone with the last process that does. Root needs no world of its
# own for that, and in one it would be a root who is bound by no limit of processes: its jail would have holes.
OWN_USERS = ("--user", "--map-user=1000", "--map-group=1000", "--keep-caps")
OWN_MOUNTS = ("unshare", *(OWN_USERS if os.geteuid() else ()), "--mount")
MOUNT = f'mount -t tmpfs -o size={DISK_BYTES} small "$0"'


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run((*OWN_MOUNTS, "sh", "-c", MOUNT, "/tmp"), capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not may_mount(), reason="nobody may mount anything here, not even for himself alone")


def with_small_disk(data: Path, room: int = DISK_BYTES) -> tuple[str, ...]:
    """Return the command of a hub whose data folder is a small disk, with this much room."""
    data.mkdir()
    ballast = f'head -c {DISK_BYTES - room} /dev/zero >"$0/{BALLAST}"'
    return (*OWN_MOUNTS, "sh", "-c", f'{MOUNT} && {{ {ballast}; exec "$@"; }}', str(data), *COMMAND)


@pytest.fixture
def hub(tmp_path: Path) -> Generator[HubProcess]:
    """A hub on a small disk, to which acme is deployed and has been called once."""
    data = tmp_path / "data"
    hub = start(data, with_small_disk(data))
    hub.data = Path(f"/proc/{hub.process.pid}/root{data}")  # as the hub sees it
    try:
        assert deploy(hub, "acme")["deploymentStatus"] == "Deployed"
        assert hub.ask("POST", CALL, SAY)[0] == 200
        yield hub
    finally:
        if hub.process.poll() is None:
            hub.kill()


def fill(hub: HubProcess, room: int = 0) -> None:
    """Leave this much room."""
    with (hub.data / BALLAST).open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(1 << 16))
        except OSError:
            ballast.truncate(ballast.tell() - room)


def deploy(hub: HubProcess, name: str, **connector: Any) -> dict[str, Any]:
    """Deploy a connector, and return its deployment when it is finished."""
    status, deployment = hub.ask("POST", deploy_path(name), deploy_body(connector_zip(name, **connector)))
    assert status == 200, deployment
    give_up_at = time.monotonic() + PATIENCE
    while deployment["deploymentStatus"] == "Deploying":
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
        deployment = hub.ask("GET", deployment_path(name, deployment["id"]))[1]
    return deployment


def store_auth(hub: HubProcess) -> tuple[int, Any]:
    environments = hub.ask("GET", "/core/v1/services/acme/versions/1/environments")[1]["elements"]
    wanted = {"name": "one", "serviceEnvironmentId": environments[0]["id"]}
    return hub.ask("POST", "/core/v1/authentications", wanted)


def call_at_once(hub: HubProcess, callers: int = 8, calls: int = 10) -> Counter[tuple[int, str]]:
    """Call from several sides, every other time with a key; return how it was answered."""
    answered: Counter[tuple[int, str]] = Counter()

    def call(caller: int) -> None:
        for number in range(calls):
            headers = {"Idempotency-Key": f"{caller}-{number}"} if number % 2 else {}
            status, answer = hub.ask("POST", CALL, SAY, headers=headers)
            answered[status, answer.get("code", "")] += 1

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answered.total() == callers * calls  # nobody still waits
    return answered


def test_on_a_full_disk_whatever_is_not_done_is_refused_and_with_room_again_nothing_is_missing(hub: HubProcess) -> None:
    fill(hub)

    answered = call_at_once(hub)
    refused = [
        hub.ask("POST", deploy_path("other"), deploy_body(connector_zip("other"))),
        store_auth(hub),
        hub.ask("POST", "/v1/api-users", {"name": "program"}),
    ]
    read = [hub.ask("GET", path)[0] for path in ("/v1/me", "/v1/usage", "/v1/calls", "/readyz")]
    (hub.data / BALLAST).unlink()

    assert set(answered) <= {(200, ""), (500, "not_recorded"), (503, "unavailable")}
    assert answered[503, "unavailable"] > 0
    assert [(status, answer["code"]) for status, answer in refused] == [(503, "unavailable")] * 3
    assert set(read) == {200}
    until_called(hub)
    executed = 2 + answered[200, ""] + answered[500, "not_recorded"]
    assert hub.ask("GET", "/v1/usage")[1]["tasks"] == executed
    assert len(hub.ask("GET", "/v1/calls?first=1000")[1]["elements"]) == executed
    assert deploy(hub, "other")["deploymentStatus"] == "Deployed"
    assert store_auth(hub)[0] == 200
    assert "Traceback" not in hub.said()
    assert hub.stop() == 0


def until_called(hub: HubProcess) -> None:
    """Call until that works. What is refused until then is not executed."""
    give_up_at = time.monotonic() + PATIENCE
    while (answer := hub.ask("POST", CALL, SAY))[0] != 200:
        assert answer[1]["code"] == "unavailable"
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_f13_a_build_that_finds_no_room_has_failed_leaves_nothing_and_stops_no_call(hub: HubProcess) -> None:
    large = base64.b64encode(os.urandom(3 << 19)).decode()  # 2 MB, 1.5 MB when packed
    sources = {path.name for path in (hub.data / "sources").iterdir()}
    fill(hub, room=3 << 20)

    deployment = deploy(hub, "other", files={"other/large.py": f"'{large}'"})

    assert deployment["deploymentStatus"] == "Failed"
    assert "disk is full" in str(deployment["errors"])
    assert hub.ask("POST", CALL, SAY)[0] == 200
    assert [path for path in (hub.data / "scratch").rglob("*") if path.is_file()] == []
    assert not list((hub.data / "sources").glob("*.draft"))
    assert len({path.name for path in (hub.data / "sources").iterdir()} - sources) == 1  # what was taken in
    (hub.data / BALLAST).unlink()
    assert deploy(hub, "other", files={"other/large.py": f"'{large}'"})["deploymentStatus"] == "Deployed"


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("room", [0, 64 << 10])
def test_a_hub_that_finds_no_room_at_its_start_says_so_and_ends(tmp_path: Path, room: int, processes: str) -> None:
    data = tmp_path / "data"

    process, log = spawn(data, free_port(), with_small_disk(data, room), processes=processes)

    assert process.wait(PATIENCE) == 1
    last = [line for line in log.read_text().splitlines() if not line.startswith("{")]
    assert any("make room" in line or "is its disk full" in line or "is the disk full" in line for line in last), last
    assert "Traceback" not in log.read_text()


def test_a_hub_without_room_to_note_what_runs_serves_without(tmp_path: Path) -> None:
    data = tmp_path / "data"
    hub = start(data, with_small_disk(data, SLOTS * SLOT_BYTES))
    seen = Path(f"/proc/{hub.process.pid}/root{data}")
    try:
        assert "running_calls_not_noted" in hub.said()
        assert list((seen / "running").iterdir()) == []
    finally:
        hub.kill()
