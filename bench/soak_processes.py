"""`make soak`: kill processes of a hub that runs as two, one after the other, while it is called, and count the calls.

    some threads call, every other time with an Idempotency-Key, and then again until there is an answer
    one thread kills (SIGKILL): an api process, the ledger writer, a zygote, a worker, the supervisor; and again

What was answered must be in the ledger once. What was not answered was in flight at a process that was killed; it is in
the ledger once or not at all. Whatever is refused is refused in so many words. After each kill the hub must be whole
again within seconds, and in the end nothing of it may be left.
"""

from __future__ import annotations

import argparse
import fcntl
import http.client
import json
import os
import random
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.processes import PROC, tree
from examples.servers.postgres import running_postgres
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy_body, deploy_path, deployment_path
from tests.hub.processes import HubProcess, start
from tests.hub.stored import stored

PROCESSES = 2
CALLERS = 8
WHOLE_AGAIN_SECONDS = 120.0
GONE_SECONDS = 20.0
PAUSE_SECONDS = 0.5  # between a kill and the next, once the hub is whole again
CALL = "/core/v1/connectors/storm/versions/1.0/call"
VICTIMS = ("api", "ledger", "zygote", "worker", "supervisor")
SLOW = """
import time
from dataclasses import dataclass
from storm.connector import storm

@dataclass
class Nothing:
    pass

@storm.operation
def say(nothing: Nothing) -> dict:
    "Say something after a moment."
    time.sleep(0.01)
    return {"words": "hello"}
"""


@dataclass
class Storm:
    """What happened. Requests are known by the ids they were sent with."""

    answered: set[str] = field(default_factory=set[str])
    cut: set[str] = field(default_factory=set[str])  #: the connection ended without an answer
    refused: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    again: list[list[str]] = field(default_factory=list[list[str]])  #: ids that were sent with one Idempotency-Key
    outcomes: Counter[str] = field(default_factory=Counter[str])
    kills: Counter[str] = field(default_factory=Counter[str])
    whole_again_seconds: dict[str, float] = field(default_factory=dict[str, float])
    problems: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        slowest = ", ".join(f"{victim} {seconds:.1f} s" for victim, seconds in self.whole_again_seconds.items())
        return (
            f"{sum(self.kills.values())} kills {dict(self.kills)}, {len(self.answered)} answered "
            f"{dict(self.outcomes)}, {len(self.cut)} cut, {len(self.refused)} refused; whole again after: {slowest}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="jackfield-storm-"))
        url, victims = "", VICTIMS
        if options.database == "postgres":
            url = stack.enter_context(running_postgres(durable=True)).new_database()
            victims = tuple(victim for victim in VICTIMS if victim != "ledger")  # there is none
        storm = run_storm(Path(folder) / "hub", victims * options.rounds, options.seed, url)
    print(storm)
    print("\n".join(storm.problems) or "None was lost, none was counted twice, nothing was left")
    sys.exit(1 if storm.problems else 0)


def run_storm(data: Path, victims: tuple[str, ...], seed: int | None = None, database: str = "") -> Storm:
    """Kill these victims one after the other while the hub is called, and look for what went wrong."""
    storm, target = Storm(), _Target(data, database)
    try:
        target.deploy()
        callers = [threading.Thread(target=_call_until_over, args=(target, storm), daemon=True) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        _kill_one_after_the_other(target, storm, victims, random.Random(seed))
        target.is_over.set()
        for caller in callers:
            caller.join(60)
        storm.problems += _problems(target, storm)
        storm.problems += _what_is_left(target)
    finally:
        target.hub.kill()
    return storm


class _Target:
    """The hub of the moment."""

    def __init__(self, data: Path, database: str) -> None:
        self.data = data
        self.settings = Settings(data_dir=data, database=database, processes=PROCESSES, drain_seconds=5)
        self.is_over = threading.Event()
        self.hub = self._start()
        self.token: str = self.hub.tokens["masterToken"]

    @property
    def has_ledger_writer(self) -> bool:
        return self.settings.database_url.startswith("sqlite")

    def start_again(self) -> None:
        """Start the hub again after its supervisor was killed, as soon as the others have left."""
        self.hub.process.wait()
        _until(self._is_free, WHOLE_AGAIN_SECONDS)
        self.hub = self._start()

    def deploy(self) -> None:
        body = deploy_body(connector_zip("storm", files={"storm/operations/say.py": SLOW}))
        deployment = self.hub.ask("POST", deploy_path("storm"), body)[1]
        path = deployment_path("storm", deployment["id"])
        _until(lambda: self.hub.ask("GET", path)[1]["deploymentStatus"] == "Deployed", 60)

    def request_ids(self) -> list[str]:
        """Return under which request ids the ledger has tasks."""
        return [row["request_id"] for row in stored(self.settings, "SELECT request_id FROM tasks")]

    def _start(self) -> HubProcess:
        told = {"processes": str(PROCESSES), "drain_seconds": "5", "database": self.settings.database}
        return start(self.data, **told)

    def _is_free(self) -> bool:
        with (self.data / "hub.lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            return True


# calling


def _call_until_over(target: _Target, storm: Storm) -> None:
    line: http.client.HTTPConnection | None = None
    while not target.is_over.is_set():
        key = secrets.token_hex(8) if random.random() < 0.5 else None
        sent: list[str] = []
        while True:
            request_id = secrets.token_hex(8)
            sent.append(request_id)
            line, is_answered = _call(target, storm, line, request_id, key)
            if is_answered or key is None or target.is_over.is_set():
                break
            time.sleep(0.05)
        if key is not None and is_answered:
            storm.again.append(sent)


def _call(
    target: _Target, storm: Storm, line: http.client.HTTPConnection | None, request_id: str, key: str | None
) -> tuple[http.client.HTTPConnection | None, bool]:
    """Call once, and say whether there was an outcome."""
    headers = {"Authorization": f"Bearer {target.token}", "X-Request-Id": request_id}
    if key is not None:
        headers["Idempotency-Key"] = key
    is_sent = False
    try:
        if line is None:
            address = urlsplit(target.hub.url)
            line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
            line.connect()
        is_sent = True
        line.request("POST", CALL, json.dumps({"operation": "say", "input": {}}), headers)
        response = line.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        if is_sent:
            storm.cut.add(request_id)
        if line is not None:
            line.close()
        time.sleep(0.02)
        return None, False
    if response.getheader("connection") == "close":
        line.close()
        line = None
    return line, _note(storm, request_id, response, answer)


def _note(storm: Storm, request_id: str, response: http.client.HTTPResponse, answer: Any) -> bool:
    if response.status != 200:
        storm.refused[request_id] = (response.status, str(answer["message"]))
        return False
    storm.outcomes[answer["outcome"] if answer["outcome"] == "success" else answer["output"].get("code", "?")] += 1
    if response.getheader("Idempotency-Replayed") is None:
        storm.answered.add(request_id)
    return True


# killing


def _kill_one_after_the_other(target: _Target, storm: Storm, victims: tuple[str, ...], dice: random.Random) -> None:
    for victim in victims:
        time.sleep(PAUSE_SECONDS * (0.5 + dice.random()))
        process = _find(target, victim, dice)
        if process is None:
            storm.problems.append(f"there is no {victim} to kill")
            continue
        began = time.monotonic()
        before = _api_names(target.data)
        os.kill(process, signal.SIGKILL)
        storm.kills[victim] += 1
        if victim == "supervisor":
            target.start_again()
        if not _until(lambda: _is_whole(target, victim, before), WHOLE_AGAIN_SECONDS):  # noqa: B023
            storm.problems.append(f"after {victim} was killed the hub was not whole again: {_board(target.data)}")
        took = time.monotonic() - began
        storm.whole_again_seconds[victim] = max(took, storm.whole_again_seconds.get(victim, 0.0))


def _find(target: _Target, victim: str, dice: random.Random) -> int | None:
    board = _board(target.data)
    if victim in ("api", "ledger", "supervisor"):
        found = [pid for name, pid in sorted(board.items()) if name.split()[0] == victim]
    else:
        below = [pid for name, api in board.items() if name.startswith("api") for pid in tree(api)[1:]]
        jailed = [pid for pid in below if "sandbox" in _command(pid)]
        leaves = [pid for pid in jailed if len(tree(pid)) == 1]
        found = leaves if victim == "worker" else [pid for pid in jailed if pid not in leaves] or jailed
    return dice.choice(found) if found else None


def _is_whole(target: _Target, victim: str, before: set[str]) -> bool:
    names = _api_names(target.data)
    if len(names) != PROCESSES or (victim == "api" and names == before):
        return False
    writers = [pid for name, pid in _board(target.data).items() if name.startswith("ledger") and _lives(pid)]
    try:
        status, _ = target.hub.ask("POST", CALL, {"operation": "say", "input": {}})
    except (OSError, http.client.HTTPException, ValueError):
        return False
    return status == 200 and bool(writers) == target.has_ledger_writer


# looking


def _problems(target: _Target, storm: Storm) -> Iterator[str]:
    rows = Counter(target.request_ids())
    for request_id in storm.answered:
        if rows[request_id] != 1:
            yield f"{request_id} was answered and is in the ledger {rows[request_id]} times"
    for request_id in storm.cut:
        if rows[request_id] > 1:
            yield f"{request_id} was cut and is in the ledger {rows[request_id]} times"
    for request_id, (status, message) in storm.refused.items():
        if not message:
            yield f"{request_id} was answered {status} without a word"
        elif rows[request_id] and "not known" not in message and "was executed" not in message:
            yield f"{request_id} is in the ledger, but was refused: {message}"
    for sent in storm.again:
        if sum(rows[request_id] for request_id in sent) != 1:
            yield f"one key, {len(sent)} requests, {sum(rows[one] for one in sent)} rows"
    usage = target.hub.ask("GET", "/v1/usage")[1]["tasks"]
    if usage != sum(rows.values()):
        yield f"{sum(rows.values())} rows, but {usage} are counted"


def _what_is_left(target: _Target) -> Iterator[str]:
    """End the supervisor, and nothing else; all others must see to it themselves."""
    everybody = [pid for pid in tree(target.hub.process.pid) if "courier" not in _command(pid)]
    os.kill(target.hub.process.pid, signal.SIGKILL)
    target.hub.process.wait()
    if not _until(lambda: not any(map(_lives, everybody)), GONE_SECONDS):
        yield f"left behind: {[_command(pid) for pid in everybody if _lives(pid)]}"


def _board(data: Path) -> dict[str, int]:
    try:
        return json.loads((data / "processes.json").read_text())
    except (OSError, ValueError):
        return {}


def _api_names(data: Path) -> set[str]:
    return {name for name, pid in _board(data).items() if name.startswith("api") and _lives(pid)}


def _lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in (PROC / str(pid) / "status").read_text()
    except OSError:
        return False


def _command(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _until(is_so: Callable[[], bool], seconds: float) -> bool:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.05)
    return True


if __name__ == "__main__":
    main()
