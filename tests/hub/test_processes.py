"""A hub that runs as several processes: each of them may die, hang or be replaced, and nobody who calls has to know."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bench.processes import tree
from bench.soak_processes import CALL, SLOW, VICTIMS, run_storm
from jackfield_hub.doctor import hub_checks
from jackfield_hub.processes import board
from jackfield_hub.processes.shared_moments import SharedMoments, make_memory
from jackfield_hub.processes.supervisor import LONGEST_PAUSE_SECONDS, Kind, Seat
from tests.hub.connectors import connector_zip, deploy_body, deploy_path, deployment_path
from tests.hub.processes import HubProcess, running, start
from tests.hub.test_running_calls import noted

SECONDS = 120  # a generous ceiling
SAY = {"operation": "say", "input": {}}
WAIT = """
@storm.operation
def wait(nothing: Nothing) -> dict:
    "Wait a while, and print something."
    print("I have waited")
    time.sleep(1)
    return {}
"""


def until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def api_processes(hub: HubProcess) -> dict[str, int]:
    return {name: pid for name, pid in board.read(hub.data).items() if name.startswith("api")}


def deploy(hub: HubProcess) -> None:
    _, deployment = hub.ask(
        "POST",
        deploy_path("storm"),
        deploy_body(connector_zip("storm", files={"storm/operations/say.py": SLOW + WAIT})),
    )
    path = deployment_path("storm", deployment["id"])
    until(lambda: hub.ask("GET", path)[1]["deploymentStatus"] == "Deployed")


def logged(hub: HubProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in hub.said().splitlines() if line.startswith("{")]


@pytest.fixture
def pair(tmp_path: Path) -> Generator[HubProcess]:
    """A hub of two api processes."""
    with running(tmp_path / "hub", processes="2", silence_seconds="5") as hub:
        until(lambda: len(api_processes(hub)) == 2)
        yield hub


def test_a_storm_of_kills_loses_no_call_and_counts_none_twice(tmp_path: Path) -> None:
    storm = run_storm(tmp_path / "hub", VICTIMS)

    assert storm.problems == []
    assert set(storm.kills) == set(VICTIMS)
    assert storm.outcomes["success"] > 0
    assert set(storm.outcomes) <= {"success", "#platform_error", "#connector_error", "#outcome_unknown"}


def test_what_is_done_at_the_first_start_is_done_once_and_each_line_names_its_process(pair: HubProcess) -> None:
    for _ in range(20):
        assert pair.ask("GET", "/v1/me")[0] == 200
    [processes] = [check for check in hub_checks(pair.data) if check.name == "processes"]
    assert processes.found.startswith(f"supervisor is {pair.process.pid}, ledger 1 is ")
    assert pair.stop() == 0

    assert pair.said().count("First start") == 1
    assert pair.said().count("The hub listens on") == 1
    assert all(line.get("process") for line in logged(pair))
    assert {"supervisor", "ledger 1", "api 1", "api 2"} >= {line["process"] for line in logged(pair)}
    assert not (pair.data / "processes.json").exists()


def test_a_process_that_hangs_is_killed_and_replaced(pair: HubProcess) -> None:
    before = api_processes(pair)
    os.kill(before["api 2"], signal.SIGSTOP)

    until(lambda: "api 3" in api_processes(pair))

    assert "api 2" not in api_processes(pair)
    assert [line["name"] for line in logged(pair) if line["event"] == "process_hangs"] == ["api 2"]
    assert pair.ask("GET", "/v1/me")[0] == 200


def test_what_dies_again_and_again_is_replaced_later_and_later() -> None:
    pauses = [Seat(Kind.API, early_deaths=deaths).pause_seconds() for deaths in range(20)]

    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_a_hup_replaces_all_who_serve_and_refuses_nobody(pair: HubProcess) -> None:
    deploy(pair)
    before, statuses, is_over = set(api_processes(pair)), list[int](), threading.Event()

    def call() -> None:
        while not is_over.is_set():
            statuses.append(pair.ask("POST", CALL, SAY)[0])

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    pair.process.send_signal(signal.SIGHUP)
    until(lambda: any(line["event"] == "processes_restarted" for line in logged(pair)))
    is_over.set()
    for caller in callers:
        caller.join()

    assert set(api_processes(pair)).isdisjoint(before)
    assert len(api_processes(pair)) == 2
    assert set(statuses) == {200}
    assert pair.ask("GET", "/v1/usage")[1]["tasks"] == len(statuses)


def test_a_stopping_hub_finishes_its_calls_and_says_first_that_it_stops(tmp_path: Path) -> None:
    hub = start(tmp_path / "hub", processes="2", notice_seconds="1")
    deploy(hub)
    outcomes: list[Any] = []
    calls = [
        threading.Thread(target=lambda: outcomes.append(hub.ask("POST", CALL, {"operation": "wait", "input": {}})))
        for _ in range(6)
    ]
    for call in calls:
        call.start()
    until(lambda: any(line["event"] == "process_ready" for line in logged(hub)))
    time.sleep(0.3)  # the calls are under way by then; should one not be, it is served all the same

    hub.process.terminate()
    until(lambda: hub.ask("GET", "/readyz")[0] == 503)
    for call in calls:
        call.join()

    assert [answer["outcome"] for _, answer in outcomes] == ["success"] * 6
    assert hub.process.wait(SECONDS) == 0
    assert "Traceback" not in hub.said()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_stopping_hub_refuses_new_connections_while_it_finishes_its_calls(tmp_path: Path, processes: str) -> None:
    hub = start(tmp_path / "hub", processes=processes)
    deploy(hub)
    wait: dict[str, Any] = {"operation": "wait", "input": {}}
    outcomes: list[Any] = []
    call = threading.Thread(target=lambda: outcomes.append(hub.ask("POST", CALL, wait)))
    call.start()
    until(lambda: noted(hub.data / "running") == 1)

    hub.process.terminate()
    until(lambda: refuses_connections(hub))

    assert outcomes == []
    call.join()
    assert [answer["outcome"] for _, answer in outcomes] == ["success"]
    assert hub.process.wait(SECONDS) == 0


def refuses_connections(hub: HubProcess) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(hub.url.rpartition(":")[2])), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("processes", ["1", "2"])
def test_calls_are_finished_when_every_process_is_told_to_end_at_once(tmp_path: Path, processes: str) -> None:
    hub = start(tmp_path / "hub", processes=processes)
    deploy(hub)
    wait: dict[str, Any] = {"operation": "wait", "input": {}}
    assert hub.ask("POST", CALL, wait)[1]["outcome"] == "success"
    outcomes: list[Any] = []
    calls = [threading.Thread(target=lambda: outcomes.append(hub.ask("POST", CALL, wait))) for _ in range(3)]
    for call in calls:
        call.start()
    until(lambda: noted(hub.data / "running") == len(calls))

    family = tree(hub.process.pid)
    for process in family:  # as systemd does, and whoever stops a container from outside
        with suppress(ProcessLookupError):  # a part of the start that has just come to its end
            os.kill(process, signal.SIGTERM)
    for call in calls:
        call.join()

    assert [answer["outcome"] for _, answer in outcomes] == ["success"] * len(calls)
    assert hub.process.wait(SECONDS) == 0
    until(lambda: not any(Path(f"/proc/{process}").exists() for process in family))


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    hub = start(tmp_path / "hub", processes="2", drain_seconds="600")
    port = int(hub.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as slow:
        slow.sendall(b"POST /core/v1/connectors/no/versions/1.0/call HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        hub.process.terminate()
        until(lambda: "Stopping" in hub.said())
        hub.process.terminate()

        assert hub.process.wait(SECONDS) == 0


def test_what_a_connector_left_for_its_author_is_told_by_every_process(pair: HubProcess) -> None:
    deploy(pair)
    for _ in range(4):
        pair.ask("POST", CALL, {"operation": "wait", "input": {}})

    log = CALL.removesuffix("/call").replace("/core", "") + "/log"
    until(lambda: all(len(pair.ask("GET", log)[1]["elements"]) == 4 for _ in range(8)))


def test_a_key_is_honoured_once_whichever_process_is_asked(pair: HubProcess) -> None:
    deploy(pair)
    statuses: list[int] = []

    def call() -> None:
        statuses.append(pair.ask("POST", CALL, {"operation": "wait", "input": {}}, headers={"Idempotency-Key": "k"})[0])

    callers = [threading.Thread(target=call) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert pair.ask("GET", "/v1/usage")[1]["tasks"] == 1


def test_all_processes_together_let_through_what_one_would(tmp_path: Path) -> None:
    limits = {"requests_per_second": "0.01", "request_burst": "40"}
    with running(tmp_path / "hub", processes="2", **limits) as hub:
        until(lambda: len(api_processes(hub)) == 2)

        statuses = [hub.ask("GET", "/v1/me")[0] for _ in range(60)]

    assert statuses.count(200) == 40
    assert {status for status in statuses if status != 200} == {429}


def test_shared_buckets_forget_nobody_who_is_not_full_again_for_long() -> None:
    moments = SharedMoments(make_memory())

    for number in range(20_000):
        moments.keep(f"key {number}", 1000.0 + number)

    known = sum(moments.find(f"key {number}") == 1000.0 + number for number in range(20_000))
    assert known > 19_900
    assert moments.find("a stranger") == 0.0
