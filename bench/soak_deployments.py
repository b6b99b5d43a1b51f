"""`make soak`, second half: kill the hub at any moment while connectors are deployed, and count what became of them.

    one thread deploys, and asks again when it gets no answer
    one thread kills the hub (SIGKILL, with all its processes) and starts it again

What was answered 200 must end as Deployed or Failed, once. A catalogue that was changed more often than there are
deployments that say Deployed would be one that was changed twice for one of them.
"""

from __future__ import annotations

import argparse
import http.client
import random
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError

from examples.servers.postgres import running_postgres
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy_body, deploy_path, deployment_path
from tests.hub.processes import HubProcess, start
from tests.hub.stored import stored_values

LEASE_SECONDS = "1"  # a killed build is taken up again soon
LONGEST_LIFE_SECONDS = 0.8  # of the hub, once it is ready
SLOW_IMPORT = "import time\ntime.sleep(0.2)\n"  # so that a build takes about as long as the hub lives
FINISH_SECONDS = 600.0  # for what is still to be built after the last kill


@dataclass
class Storm:
    """What happened. `heard` maps every deployment id that was answered to the words its connector says."""

    deployments: int
    kills: int
    heard: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[str] = field(default_factory=list[str])
    states: dict[str, int] = field(default_factory=dict[str, int])
    attempts: int = 0

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return f"{self.kills} kills, {len(self.heard)} deployments answered, {states}, {self.attempts} attempts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deployments", type=int, default=50)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jackfield-storm-") as folder, _database(options.database) as database:
        place = Settings(data_dir=Path(folder) / "hub", database=database)
        storm = run_storm(place, options.deployments, options.kills, options.seed)
    print(storm)
    print("\n".join(storm.problems) or "None was lost, none was done twice")
    sys.exit(1 if storm.problems else 0)


@contextmanager
def _database(kind: str) -> Generator[str]:
    """Give the URL of an empty database; "" stands for the one in the data folder."""
    if kind == "sqlite":
        yield ""
        return
    with running_postgres(durable=True) as server:
        yield server.new_database()


def run_storm(place: Settings, deployments: int, kills: int, seed: int | None = None) -> Storm:
    """Deploy that often while killing that often, then wait for the rest and look for what went wrong."""
    storm = Storm(deployments, kills)
    target = _Target(place)
    deploying = threading.Thread(target=_deploy_all, args=(target, storm), daemon=True)
    deploying.start()
    try:
        _kill_again_and_again(target, kills, random.Random(seed))
        deploying.join(FINISH_SECONDS)
        _wait_for_the_rest(place)
        storm.problems += _problems(target, storm)
    finally:
        target.hub.kill()
    return storm


class _Target:
    """The hub of the moment."""

    def __init__(self, place: Settings) -> None:
        self.place = place
        self.kills = 0
        self.hub = self._start()

    def replace(self) -> None:
        self.hub.kill()
        self.kills += 1
        self.hub = self._start()

    def _start(self) -> HubProcess:
        return start(self.place.data_dir, database=self.place.database, job_lease_seconds=LEASE_SECONDS)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask until there is an answer, as a patient client would."""
        while True:
            try:
                status, answer = self.hub.ask(method, path, body)
            except (URLError, OSError, http.client.HTTPException, ValueError):
                time.sleep(0.02)
                continue
            if status == 200:
                return answer
            if status < 500:
                raise AssertionError(f"{method} {path} was answered {status}: {answer}")


def _deploy_all(target: _Target, storm: Storm) -> None:
    """Deploy every connector twice, so that there is something to replace, and all of them while there are kills."""
    for number in range(storm.deployments):
        while target.kills < number * storm.kills // storm.deployments:
            time.sleep(0.01)
        name, words = f"storm-{number % (storm.deployments // 2)}", f"deployment {number}"
        package = name.replace("-", "_")
        data = connector_zip(name, words, files={f"{package}/operations/slow.py": SLOW_IMPORT})
        answer = target.ask("POST", deploy_path(name), deploy_body(data))
        storm.heard.setdefault(answer["id"], words)


def _kill_again_and_again(target: _Target, kills: int, chance: random.Random) -> None:
    while target.kills < kills:
        time.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))
        target.replace()


def _wait_for_the_rest(place: Settings) -> None:
    give_up_at = time.monotonic() + FINISH_SECONDS
    while time.monotonic() < give_up_at and _rows(place, "SELECT 1 FROM deployments WHERE state = 'Deploying'"):
        time.sleep(0.1)


def _problems(target: _Target, storm: Storm) -> Iterator[str]:
    place = target.place
    ended = dict(_rows(place, "SELECT id, state FROM deployments"))
    storm.attempts = sum(attempt for (attempt,) in _rows(place, "SELECT attempt FROM deployments"))
    for state in ended.values():
        storm.states[state] = storm.states.get(state, 0) + 1
    for deployment_id in storm.heard:
        if ended.get(deployment_id) not in ("Deployed", "Failed"):
            yield f"{deployment_id} was answered and is {ended.get(deployment_id, 'lost')}"
    for reason in _rows(place, "SELECT DISTINCT reason FROM deployments WHERE reason IS NOT NULL"):
        if not str(reason[0]).startswith("BuilderLost"):
            yield f"a deployment failed for another reason than the kills: {reason[0]}"
    for name, flips, deployed in _rows(place, _FLIPS):
        if flips != deployed:
            yield f"{name} was put in place {flips} times by {deployed} deployments"
    for left in _rows(place, "SELECT kind, payload FROM jobs WHERE kind = 'build'"):
        yield f"a job is left over: {left}"
    if not place.database and _rows(place, "PRAGMA integrity_check") != [("ok",)]:
        yield "the database is damaged"
    if list((place.data_dir / "scratch").glob("*")):
        yield "a work folder is left over"
    yield from _wrong_words(target, storm)


_FLIPS = """
    SELECT c.name, c.revision, (SELECT count(*) FROM deployments d
                                WHERE d.connector_name = c.name AND d.state = 'Deployed')
    FROM connectors c
"""


def _wrong_words(target: _Target, storm: Storm) -> Iterator[str]:
    """Call every connector: it must say what the deployment it is of was sent with."""
    for name, deployment_id in _rows(target.place, "SELECT name, deployment_id FROM connectors"):
        status = target.ask("GET", deployment_path(name, deployment_id))["deploymentStatus"]
        answer = target.ask("POST", f"/core/v1/connectors/{name}/versions/1.0/call", {"operation": "say", "input": {}})
        expected = storm.heard.get(deployment_id)
        if status != "Deployed" or answer["outcome"] != "success":
            yield f"{name} is of a deployment that is {status} and answers {answer}"
        elif expected is not None and answer["output"]["words"] != expected:
            yield f"{name} says {answer['output']['words']!r}, but was deployed with {expected!r}"


def _rows(place: Settings, query: str) -> list[Any]:
    return stored_values(place, query)


if __name__ == "__main__":
    main()
