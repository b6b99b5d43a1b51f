"""A hub that is killed at any moment loses no deployment it has answered for, and does none twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.soak_deployments import run_storm
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy_body, deploy_path
from tests.hub.processes import HubProcess, start


def test_a_small_storm_of_kills_loses_none_and_doubles_none(tmp_path: Path, new_database: Callable[[], str]):
    storm = run_storm(Settings(data_dir=tmp_path / "hub", database=new_database()), deployments=6, kills=5)

    assert storm.problems == []
    assert storm.attempts >= len(storm.heard) >= 3
    assert set(storm.states) <= {"Deployed", "Failed"}


def test_a_client_that_lost_the_answer_asks_again_and_hears_of_the_same_deployment(hub_process: HubProcess):
    slow = connector_zip(files={"acme/operations/slow.py": "import time\ntime.sleep(2)\n"})
    _, first = hub_process.ask("POST", deploy_path(), deploy_body(slow))

    hub_process.kill()
    again = start(hub_process.data, database=hub_process.database)
    try:
        _, second = again.ask("POST", deploy_path(), deploy_body(slow))
    finally:
        again.kill()

    assert second == {**first, "repeatDeployment": True}
