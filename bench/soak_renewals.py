"""`make soak`, third part: many processes use one auth when its token ends, while processes are killed at random.

    every round: the access token ends ─ all callers of all processes want it ─ some processes are killed (SIGKILL)

The provider rotates refresh tokens, answers slowly, and ends the sign-in when one comes twice. So a renewal too many,
or one whose answer is lost, is the end of all further rounds. `--provider real` asks oidc-provider, from npm.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.token_providers import TokenProvider, provider_named
from examples.servers.postgres import running_postgres
from jackfield.auth import sign_in_to_json
from jackfield_hub.auths import service as auths
from jackfield_hub.auths.shapes import NewAuthentication
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.service import NewOwner
from jackfield_hub.services import service as services
from jackfield_hub.services.shapes import NewService
from jackfield_hub.settings import Settings
from tests.hub.light_hub import light_hub

LEASE_SECONDS = 6.0
ROUND_SECONDS = 90.0


@dataclass
class Storm:
    """What happened."""

    rounds: int
    answers: int = 0
    kills: int = 0
    refreshes: int = 0
    reuses: int = 0
    lost_grants: int = 0
    problems: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.kills} kills, {self.answers} callers answered, "
            f"{self.refreshes} renewals, {self.reuses} refresh tokens used twice, {self.lost_grants} sign-ins lost"
        )


@dataclass(frozen=True)
class Size:
    """How big a storm is."""

    processes: int = 8
    callers: int = 20
    rounds: int = 10
    provider_seconds: float = 5.0
    kills_a_round: int = 2
    margin_seconds: float = 3.0  #: how much longer a token lives than the provider takes: a round is over in it

    @property
    def access_seconds(self) -> float:
        return self.provider_seconds + self.margin_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--provider", choices=("fake", "real"), default="fake")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--margin", type=float, default=Size.margin_seconds, help="seconds; more on a busy machine")
    options = parser.parse_args()
    size = Size(rounds=options.rounds, margin_seconds=options.margin)
    with tempfile.TemporaryDirectory(prefix="jackfield-renewals-") as folder, empty_database(options.database) as url:
        storm = run_storm(Path(folder), size, options.seed, database=url, provider_name=options.provider)
    print(storm)
    print("\n".join(storm.problems) or "Each token was renewed once, and every caller that lived got it")
    sys.exit(1 if storm.problems else 0)


@contextmanager
def empty_database(kind: str) -> Generator[str]:
    """Give the URL of an empty database; "" stands for a file beside the rest."""
    if kind == "sqlite":
        yield ""
        return
    with running_postgres(durable=True) as server:
        yield server.new_database()


def run_storm(
    folder: Path, size: Size, seed: int | None = None, database: str = "", provider_name: str = "fake"
) -> Storm:
    """Let processes share one auth, round after round, and look at what the provider saw."""
    storm, chance = Storm(size.rounds), random.Random(seed)
    with provider_named(provider_name, size.access_seconds) as provider:
        told = _told(folder, database)
        organization_id, auth_id = asyncio.run(_store_auth(Settings(**told), provider))
        provider.take_longer(size.provider_seconds)
        crowd = _Crowd((orjson.dumps(told).decode(), organization_id, auth_id, str(size.callers)), folder)
        try:
            for number in range(size.rounds):
                if number:
                    time.sleep(size.access_seconds * 0.8)  # counted from the request, so it ends meanwhile
                crowd.fill(size.processes)
                _one_round(crowd, size, chance, storm, provider)
                storm.problems += _problems(provider, number + 1)
        finally:
            crowd.end()
        storm.refreshes, storm.reuses = provider.renewals(), provider.reuses()
        storm.lost_grants = provider.lost_grants()
    return storm


def _told(folder: Path, database: str) -> dict[str, Any]:
    return {
        "data_dir": str(folder / "data"),
        "database": database or f"sqlite:///{folder / 'shared.db'}",
        "allowed_networks": "127.0.0.0/8",
        "renewal_lease_seconds": LEASE_SECONDS,
        "sign_in_doubt_seconds": 1.0,
    }


async def _store_auth(settings: Settings, provider: TokenProvider) -> tuple[str, str]:
    async with light_hub(settings) as hub:
        organization = await identity.create_organization(hub, "storm", NewOwner("Ann", "ann@example.com", "a" * 20))
        caller = await identity.identify(hub, f"Bearer {organization.master_token.text}")
        app = {"title": "Production", "clientId": provider.client.client_id}
        service = NewService.model_validate(
            {
                "name": "diary",
                "title": "Diary",
                "baseUrl": provider.url,
                "signIn": sign_in_to_json(provider.way()),
                "environments": [{**app, "clientSecret": provider.client.client_secret}],
            }
        )
        environment_id = (await services.create_service(hub, caller, service)).environments[0].id
        over = {**provider.consented(), "expiresAt": time.time() - 1}
        wanted = {"name": "Diary", "serviceEnvironmentId": environment_id, "credentials": over}
        return organization.id, await auths.create_auth(hub, caller, NewAuthentication.model_validate(wanted))


class _Process:
    """One process of the crowd; what it says is read on a thread."""

    def __init__(self, arguments: tuple[str, ...], log: Path) -> None:
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.hub.refresh_worker", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=Path(__file__).parents[1],
                text=True,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._orders, self._news = self.process.stdin, self.process.stdout
        self.said: str | None = None
        self.is_killed = False

    def wait_until_ready(self) -> None:
        assert self._news.readline() == "ready\n", "the worker did not start"

    def begin(self) -> threading.Thread:
        self.said = None
        self._orders.write("go\n")
        self._orders.flush()
        listening = threading.Thread(target=self._listen, daemon=True)
        listening.start()
        return listening

    def kill(self) -> None:
        self.is_killed = True
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        self._orders.close()
        self.process.wait(30)

    def _listen(self) -> None:
        self.said = self._news.readline()


class _Crowd:
    """The processes that live."""

    def __init__(self, arguments: tuple[str, ...], folder: Path) -> None:
        self._arguments = arguments
        self._log = folder / "workers.log"
        self.processes: list[_Process] = []

    def fill(self, size: int) -> None:
        self.processes = [one for one in self.processes if not one.is_killed]
        new = [_Process(self._arguments, self._log) for _ in range(size - len(self.processes))]
        for one in new:
            one.wait_until_ready()
        self.processes += new

    def end(self) -> None:
        for one in self.processes:
            if not one.is_killed:
                one.end()


def _one_round(crowd: _Crowd, size: Size, chance: random.Random, storm: Storm, provider: TokenProvider) -> None:
    listening = [one.begin() for one in crowd.processes]
    for victim in chance.sample(crowd.processes, size.kills_a_round):
        time.sleep(chance.uniform(0, size.provider_seconds / size.kills_a_round))
        victim.kill()
        storm.kills += 1
    for thread in listening:
        thread.join(ROUND_SECONDS)
    tokens: set[str] = set()
    for one in crowd.processes:
        if not one.is_killed:
            found: list[str] = orjson.loads(one.said or '["nothing"]')
            storm.answers += len(found)
            tokens.update(found)
    if len(tokens) != 1 or not provider.accepts(next(iter(tokens))):
        storm.problems.append(f"callers got {sorted(tokens)[:3]}")


def _problems(provider: TokenProvider, rounds: int) -> list[str]:
    seen = [
        (provider.renewals() == rounds, f"{provider.renewals()} renewals in {rounds} rounds"),
        (provider.reuses() == 0, f"{provider.reuses()} refresh tokens came twice"),
        (provider.lost_grants() == 0, f"{provider.lost_grants()} sign-ins were lost"),
    ]
    return [said for is_right, said in seen if not is_right]


if __name__ == "__main__":
    main()
