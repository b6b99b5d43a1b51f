"""`make soak`: restart three hubs of one Postgres, one after the other, while they are called and deployed to.

    callers ──▶ a balancer, which asks /readyz ten times a second ──▶ hub · hub · hub ──▶ Postgres

It ends with an error when a call was lost that could not be sent again, when more than one in a thousand had to be, or
when a deployment that was answered 200 did not end as Deployed. `--kill` ends the hubs as a power cut would: then calls
that were under way at the killed one may be lost, and no others.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from examples.servers.postgres import running_postgres
from tests.hub.connectors import connector_zip, deploy_body, deploy_path, deployment_path
from tests.hub.processes import HubProcess, start

HUBS = 3
LOOK_SECONDS = 0.1
NOTICE_SECONDS = 1.0  # what a hub gives the balancer to notice that it goes
CONNECTOR = "rolling"
CALL = f"/core/v1/connectors/{CONNECTOR}/versions/1.0/call"
MAX_SENT_AGAIN = 0.001
FINISH_SECONDS = 120.0


@dataclass
class Seen:
    """What the callers saw."""

    answered: int = 0
    sent_again: int = 0  #: refused, or not even connected: nothing was run, and another hub was asked
    lost: list[str] = field(default_factory=list[str])  #: nobody knows what became of it
    deployed: int = 0
    unfinished: list[str] = field(default_factory=list[str])
    noticed_ms: list[float] = field(default_factory=list[float])  #: from Deployed at one hub until the last one had it

    def problems(self, *, is_killing: bool = False) -> list[str]:
        """Return what should not have been."""
        found = [f"{one} was accepted and is not deployed" for one in self.unfinished]
        if is_killing:
            return found
        found += [f"{times} calls were lost: {how}" for how, times in Counter(self.lost).items()]
        if self.sent_again > MAX_SENT_AGAIN * self.answered:
            found.append(f"{self.sent_again} of {self.answered} calls had to be sent again")
        return found

    def __str__(self) -> str:
        noticed = f", noticed by all hubs within {max(self.noticed_ms):.0f} ms" if self.noticed_ms else ""
        return (
            f"{self.answered:,} calls answered, {self.sent_again} sent again, {len(self.lost)} lost; "
            f"{self.deployed} deployments{noticed}"
        )


class Balancer:
    """Sends each request to the next hub that says it is ready."""

    def __init__(self, session: aiohttp.ClientSession, token: str) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}
        self._turns = itertools.count()
        self.urls: list[str] = []  #: of hubs that shall be asked
        self._ready: list[str] = []

    async def look(self) -> None:
        """Keep looking who is ready."""
        while True:
            answers = await asyncio.gather(*(self._is_ready(url) for url in self.urls))
            self._ready = [url for url, is_ready in zip(list(self.urls), answers, strict=False) if is_ready]
            await asyncio.sleep(LOOK_SECONDS)

    async def _is_ready(self, url: str) -> bool:
        try:
            async with self._session.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(2)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def send(self, seen: Seen, method: str, path: str, body: Any = None) -> Any:
        """Return what a hub answered; ask the next one when nothing was run. Raises ClientError: it may have been."""
        while True:
            while not self._ready:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
            url = self._ready[next(self._turns) % len(self._ready)]
            try:
                status, answer = await self.ask(url, method, path, body)
            except aiohttp.ClientConnectorError:
                seen.sent_again += 1
                continue
            if status == 200:
                return answer
            if status != 503:
                raise AssertionError(f"{method} {path} was answered {status}: {answer}")
            seen.sent_again += 1
            await asyncio.sleep(LOOK_SECONDS)

    async def ask(self, url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._session.request(method, url + path, json=body, headers=self._headers) as answer:
            return answer.status, await answer.json()


async def run(folder: Path, rate: float, rounds: int, *, is_killing: bool = False) -> Seen:
    """Call so many times a second while every hub is restarted so many times, and return what was seen."""
    seen = Seen()
    with running_postgres() as postgres:
        settings = {
            "database": postgres.new_database(),
            "master_key": _key(),
            "notice_seconds": str(NOTICE_SECONDS),
            "job_lease_seconds": "2",
        }
        hubs = [await asyncio.to_thread(start, folder / f"hub{number}", **settings) for number in range(HUBS)]
        try:
            async with _balancer(hubs) as balancer:
                await _deploy(balancer, seen, "start")
                assert seen.deployed, seen.unfinished
                is_over = asyncio.Event()
                calling = asyncio.create_task(_call(balancer, seen, rate, is_over))
                deploying = asyncio.create_task(_deploy_again_and_again(balancer, seen, is_over))
                for number in [*range(HUBS)] * rounds:
                    hubs[number] = await _replace(balancer, hubs[number], settings, is_killing=is_killing)
                is_over.set()
                await asyncio.gather(calling, deploying)
        finally:
            for hub in hubs:
                with suppress(ProcessLookupError):
                    hub.kill()
    return seen


@asynccontextmanager
async def _balancer(hubs: list[HubProcess]) -> AsyncGenerator[Balancer]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        balancer = Balancer(session, hubs[0].tokens["masterToken"])
        balancer.urls = [hub.url for hub in hubs]
        looking = asyncio.create_task(balancer.look())
        try:
            yield balancer
        finally:
            looking.cancel()


async def _replace(balancer: Balancer, hub: HubProcess, settings: dict[str, str], *, is_killing: bool) -> HubProcess:
    await asyncio.to_thread(hub.kill if is_killing else hub.stop)
    balancer.urls.remove(hub.url)
    again = await asyncio.to_thread(start, hub.data, **settings)
    balancer.urls.append(again.url)
    await asyncio.sleep(5 * LOOK_SECONDS)  # until the balancer asks it, too
    return again


async def _call(balancer: Balancer, seen: Seen, rate: float, is_over: asyncio.Event) -> None:
    """Begin calls at a steady rate, whether or not those before have ended."""
    began, under_way = time.monotonic(), set[asyncio.Task[None]]()
    for number in itertools.count():
        if is_over.is_set():
            break
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        task = asyncio.create_task(_call_once(balancer, seen))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


async def _call_once(balancer: Balancer, seen: Seen) -> None:
    try:
        answer = await balancer.send(seen, "POST", CALL, {"operation": "say", "input": {}})
    except (aiohttp.ClientError, AssertionError) as failure:
        seen.lost.append(f"{type(failure).__name__}: {failure}")
        return
    if answer["outcome"] == "success":
        seen.answered += 1
    else:
        seen.lost.append(str(answer["output"]))


async def _deploy_again_and_again(balancer: Balancer, seen: Seen, is_over: asyncio.Event) -> None:
    for number in itertools.count():
        if is_over.is_set():
            return
        await _deploy(balancer, seen, f"number {number}")
        await asyncio.sleep(1.0)


async def _deploy(balancer: Balancer, seen: Seen, words: str) -> None:
    """Deploy, wait until it is done, and until every hub answers with the new words."""
    body, deployment = deploy_body(connector_zip(CONNECTOR, words)), None
    while deployment is None:
        with suppress(aiohttp.ClientError):  # a deployment that is sent again is answered as the first time
            deployment = await balancer.send(Seen(), "POST", deploy_path(CONNECTOR), body)
    give_up_at, asked, state = time.monotonic() + FINISH_SECONDS, deployment, "Deploying"
    while state == "Deploying" and time.monotonic() < give_up_at:
        with suppress(aiohttp.ClientError):
            asked = await balancer.send(Seen(), "GET", deployment_path(CONNECTOR, deployment["id"]))
            state = asked["deploymentStatus"]
        await asyncio.sleep(0.02)
    if state != "Deployed":
        seen.unfinished.append(f"{deployment['id']} ({state} {asked.get('errors', '')})")
        return
    seen.deployed += 1
    began = time.monotonic()
    await asyncio.gather(*(_until_it_says(balancer, url, words) for url in balancer.urls))
    seen.noticed_ms.append((time.monotonic() - began) * 1000)


async def _until_it_says(balancer: Balancer, url: str, words: str) -> None:
    """Return when this hub runs what was deployed, or is gone."""
    while url in balancer.urls:
        with suppress(aiohttp.ClientError):
            status, answer = await balancer.ask(url, "POST", CALL, {"operation": "say", "input": {}})
            if status == 503 or answer.get("output") == {"words": words}:
                return
        await asyncio.sleep(0.01)


def _key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="Calls a second.")
    parser.add_argument("--rounds", type=int, default=2, help="How often each hub is restarted.")
    parser.add_argument("--kill", action="store_true", help="Kill them instead.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jackfield-hubs-") as folder:
        seen = asyncio.run(run(Path(folder), options.rate, options.rounds, is_killing=options.kill))
    problems = seen.problems(is_killing=options.kill)
    print(seen)
    print("\n".join(problems) or "None was lost")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
