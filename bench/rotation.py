"""`make soak`, fourth part: all keys are changed again and again under 100 calls a second, and new auths all the time.

calls (open_for_call)  ── 100 a second, however long each takes ─┐
new and changed auths  ── 10 a second ───────────────────────────┼── jackfield vault rotate, ROTATIONS times
                                                                 └── afterwards: nothing is left under an old key
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.soak_renewals import empty_database
from jackfield_hub.auths.master_key import fingerprint
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.settings import Settings
from tests.hub.people import Answer, Person, founder, front_door
from tests.hub.shop import KEY, put_in_place, third_party
from tests.hub.signed_in import AUTHS
from tests.hub.stored import stored_values

CALL = "/core/v1/connectors/shop/versions/1.0/call"
ORGANIZATIONS = 2
CHANGES_EVERY = 10  # one in so many ticks stores an auth, too


@dataclass
class Shopper:
    """Somebody of one organization, who calls and stores auths."""

    person: Person
    environment_id: str
    auth_ids: list[str]

    async def call(self, chance: random.Random) -> str:
        """Return what went wrong, or ""; so do the others."""
        body = {"operation": "get_product", "input": {"product_id": 1}, "authId": chance.choice(self.auth_ids)}
        answer = await self.person.post(CALL, body)
        if answer.status == 200:
            output = answer.json["output"]
            return "" if output.get("signed") is True else f"{output.get('kind')}: {output.get('message')}"
        return _wrong(answer)

    async def store(self) -> str:
        answer = await self.person.post(AUTHS, self._wanted())
        if answer.status == 200:
            self.auth_ids.append(answer.json["id"])
        return _wrong(answer)

    async def change(self, chance: random.Random) -> str:
        return _wrong(await self.person.put(f"{AUTHS}/{chance.choice(self.auth_ids)}", self._wanted()))

    def _wanted(self) -> dict[str, Any]:
        return {"name": "x", "serviceEnvironmentId": self.environment_id, "credentials": {"apiKey": KEY}}


def _wrong(answer: Answer) -> str:
    return "" if answer.status == 200 else f"{answer.status} {answer.json.get('message')}"


@dataclass
class Measured:
    """What came of it."""

    done: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[str] = field(default_factory=Counter[str])
    call_seconds: list[float] = field(default_factory=list[float])
    rotations: list[float] = field(default_factory=list[float])
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        ninety_nine = quantiles(self.call_seconds, n=100)[98]
        return (
            f"{len(self.rotations)} rotations of {median(self.rotations):.1f} s each while there were "
            f"{self.done['call'] / self.seconds:.0f} calls a second ({self.done['call']} calls, "
            f"{self.done['store']} new auths, {self.done['change']} changed; "
            f"{self.failed.total()} failed); a call took {median(self.call_seconds) * 1000:.0f} ms, "
            f"one in a hundred {ninety_nine * 1000:.0f} ms or more"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rotations", type=int, default=5)
    parser.add_argument("--auths", type=int, default=500, help="stored beforehand, in each of two organizations")
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jackfield-rotation-") as folder, empty_database(options.database) as url:
        Path(folder).chmod(0o711)  # workers of a root hub pass through
        settings = _settings(Path(folder) / "data", url)
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):  # two lines in the log for each call
            measured = asyncio.run(measure(settings, options.rotations, options.auths, options.rate))
    print(measured)
    print("\n".join(measured.problems) or "No request failed, and nothing is left under an old key")
    sys.exit(1 if measured.problems else 0)


def _settings(data: Path, database: str = "") -> Settings:
    return Settings(
        data_dir=data,
        database=database,
        allowed_networks=(ip_network("127.0.0.0/8"),),
        requests_per_second=0,
        organization_requests_per_second=0,
    )


async def measure(settings: Settings, rotations: int, auths: int, rate: float) -> Measured:
    """Change all keys so many times under load."""
    measured = Measured()
    async with open_hub(settings) as hub, front_door(hub) as door, third_party() as shop:
        shoppers = [
            await _shopper(hub, await founder(hub, door, f"org-{number}"), shop.url, auths)
            for number in range(ORGANIZATIONS)
        ]
        load = asyncio.create_task(_load(shoppers, rate, measured))
        for _ in range(rotations):
            await asyncio.sleep(0.5)
            started = time.monotonic()
            code, said = await asyncio.to_thread(_rotate, settings)
            measured.rotations.append(time.monotonic() - started)
            if code:
                measured.problems.append(f"a rotation failed: {said}")
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        if measured.failed:
            measured.problems.append(f"failed: {dict(measured.failed)}")
    measured.problems += _left_behind(settings)
    return measured


async def _shopper(hub: Hub, person: Person, url: str, auths: int) -> Shopper:
    await put_in_place(hub, person.organization_id, url, sign_in='ApiKey("X-Key")')
    [environment] = (await person.get("/core/v1/services/shop/versions/1/environments")).json["elements"]
    shopper = Shopper(person, environment["id"], [])
    for first in range(0, auths, 50):
        await asyncio.gather(*(shopper.store() for _ in range(first, min(first + 50, auths))))
    return shopper


async def _load(shoppers: list[Shopper], rate: float, measured: Measured) -> None:
    """Begin a call at each tick, whether those before have ended or not."""
    chance, started, tick = random.Random(1), time.monotonic(), 0
    under_way: set[asyncio.Task[None]] = set()

    def begin(kind: str, work: Any) -> None:
        task = asyncio.create_task(_note(kind, work, measured))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    try:
        while True:
            tick += 1
            await asyncio.sleep(max(0.0, started + tick / rate - time.monotonic()))
            shopper = shoppers[tick % len(shoppers)]
            begin("call", shopper.call(chance))
            if tick % CHANGES_EVERY == 0:
                begin("store", shopper.store())
                begin("change", shopper.change(chance))
    finally:
        await asyncio.gather(*under_way)
        measured.seconds = time.monotonic() - started


async def _note(kind: str, work: Any, measured: Measured) -> None:
    started = time.monotonic()
    try:
        wrong = await work
    except Exception as problem:
        wrong = f"{type(problem).__name__}: {problem}"
    if kind == "call":
        measured.call_seconds.append(time.monotonic() - started)
    measured.done[kind] += 1
    if wrong:
        measured.failed[f"{kind}: {wrong}"] += 1


def _rotate(settings: Settings) -> tuple[int, str]:
    """Run the command as an operator does."""
    command = [sys.executable, "-m", "jackfield.cli", "vault", "rotate", "--data", str(settings.data_dir)]
    if settings.database:
        command += ["--database", settings.database]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    return done.returncode, done.stderr


def _left_behind(settings: Settings) -> list[str]:
    """Return what is not sealed with the newest keys."""
    key = (settings.data_dir / "keys" / "master.key").read_bytes()
    keys = stored_values(settings, "SELECT id, organization_id, created_at, sealed_key FROM data_keys")
    newest = {
        organization_id: max((one for one in keys if one[1] == organization_id), key=lambda one: one[2])[0]
        for _, organization_id, _, _ in keys
    }
    rows = stored_values(settings, "SELECT organization_id, key_id FROM auths")
    old_rows = sum(newest[organization_id] != key_id for organization_id, key_id in rows)
    old_keys = sum(not bytes(sealed).startswith(fingerprint(key)) for *_, sealed in keys)
    found = [
        (len(key) == 32, f"the key file holds {len(key)} bytes"),
        (not old_rows, f"{old_rows} of {len(rows)} auths are sealed with an old data key"),
        (not old_keys, f"{old_keys} of {len(keys)} data keys are sealed with an old master key"),
    ]
    return [said for is_right, said in found if not is_right]


if __name__ == "__main__":
    main()
