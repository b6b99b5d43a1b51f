"""A Postgres server that restarts, and hubs that share one and die: nothing acknowledged is lost or counted twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.servers.postgres import Postgres, running_postgres
from jackfield_hub.calls.ledger import postgres_home
from jackfield_hub.calls.ledger.postgres_home import PostgresHome
from jackfield_hub.calls.ledger.service import Ledger, LedgerBehind, NotRecorded
from jackfield_hub.calls.shapes import PromiseState, TaskOutcome
from jackfield_hub.database import Database
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.idempotency.shapes import Promise
from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy, deploy_and_wait, until, wait_until_finished
from tests.hub.people import Person, found, front_door, person_of
from tests.hub.stored import stored_values
from tests.hub.test_ledger import task

CALL = "/core/v1/connectors/acme/versions/1.0/call"
SLOW_IMPORT = {"acme/operations/slow.py": "import time\ntime.sleep(3)\n"}
OUTAGE_SECONDS = 1.0
RECOVERY_SECONDS = 10.0
TYPED = {(503, "unavailable"), (503, "database_away"), (503, "ledger_behind"), (500, "not_recorded")}


@pytest.fixture(scope="module")
def server() -> Generator[Postgres]:
    """A server that keeps what it is told when it is killed."""
    with running_postgres(durable=True) as server:
        yield server


@pytest.fixture
def url(server: Postgres) -> Generator[str]:
    url = server.new_database()
    yield url
    server.drop(url)


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        database=url,
        drain_seconds=1,
        job_lease_seconds=2,
        requests_per_second=0,
        organization_requests_per_second=0,
    )


@pytest.fixture
async def hub(settings: Settings) -> AsyncGenerator[Hub]:
    async with open_hub(settings) as hub:
        yield hub


@pytest.fixture
async def alice(hub: Hub) -> AsyncGenerator[Person]:
    async with front_door(hub) as session:
        yield person_of(await found(hub, "alice"), session)


async def restart(server: Postgres) -> float:
    """Kill the server as a power cut would, and start it again; return when it was back."""
    await asyncio.to_thread(server.stop, "immediate")
    await asyncio.sleep(OUTAGE_SECONDS)
    await asyncio.to_thread(server.start)
    return time.monotonic()


async def test_f10_calls_are_refused_while_the_database_restarts_and_go_on_soon_after(
    hub: Hub, alice: Person, settings: Settings, server: Postgres
) -> None:
    await deploy_and_wait(alice, connector_zip())
    seen: list[tuple[float, int, str]] = []
    is_over = asyncio.Event()

    async def caller() -> None:
        while not is_over.is_set():
            answer = await alice.post(CALL, {"operation": "say", "input": {}})
            said = answer.json
            if answer.status == 200:
                assert said == {"outcome": "success", "output": {"words": "hello"}}
            seen.append((time.monotonic(), answer.status, said.get("code", "")))
            await asyncio.sleep(0.05)

    calling = [asyncio.create_task(caller()) for _ in range(5)]
    await asyncio.sleep(1)
    back_at = await restart(server)
    async with asyncio.timeout(RECOVERY_SECONDS):
        while not any(at > back_at and status == 200 for at, status, _ in seen):  # noqa: ASYNC110 - callers set no event
            await asyncio.sleep(0.05)
    is_over.set()
    await asyncio.gather(*calling)

    assert {(status, code) for _, status, code in seen if status != 200} <= TYPED
    await until(lambda: _tasks(settings) >= sum(status == 200 for _, status, _ in seen))
    assert stored_values(settings, "SELECT sum(tasks)::int FROM totals") == [(_tasks(settings),)]


def _tasks(settings: Settings) -> int:
    return stored_values(settings, "SELECT count(*) FROM tasks")[0][0]


async def test_f09_a_build_goes_on_when_the_database_is_back(
    alice: Person, settings: Settings, server: Postgres
) -> None:
    answer = await deploy(alice, connector_zip(files=SLOW_IMPORT))
    await until(lambda: stored_values(settings, "SELECT stage FROM deployments") == [("describe",)])

    await restart(server)

    async with asyncio.timeout(RECOVERY_SECONDS):
        while (await alice.get("/readyz")).status != 200:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.05)
    deployment = await wait_until_finished(alice, "acme", answer.json["id"])
    assert deployment["deploymentStatus"] == "Deployed"
    assert stored_values(settings, "SELECT count(*) FROM jobs WHERE kind = 'build'") == [(0,)]
    assert stored_values(settings, "SELECT count(*) FROM connectors") == [(1,)]


def promise(key: str) -> Promise:
    return Promise("org-alice", "master", "call", key_hash=key, body_hash="b")


async def opened(closing: AsyncExitStack, url: str, owner: str) -> Ledger:
    database = Database(url)
    closing.push_async_callback(database.close)
    ledger = Ledger(await PostgresHome.open(database, owner))
    closing.push_async_callback(ledger.close)
    return ledger


async def test_two_hubs_count_the_same_organization_together(url: str) -> None:
    async with AsyncExitStack() as closing:
        first, second = [await opened(closing, url, owner) for owner in ("first", "second")]
        await asyncio.gather(*(ledger.record(task()) for ledger in (first, second) for _ in range(200)))

        assert await first.count("org-alice") == await second.count("org-alice") == 400


async def test_a_key_is_claimed_once_whoever_asks(url: str) -> None:
    async with AsyncExitStack() as closing:
        ledgers = [await opened(closing, url, owner) for owner in ("first", "second")]
        tasks = [replace(task(), started_at=time.time()) for _ in range(40)]
        kept = await asyncio.gather(
            *(ledgers[n % 2].claim(promise("k"), one, may_redo=bool(n % 3)) for n, one in enumerate(tasks))
        )

        assert sum(one is None for one in kept) == 1
        assert {one.state for one in kept if one is not None} == {PromiseState.RUNNING}
        done = replace(tasks[kept.index(None)], outcome=TaskOutcome.SUCCESS)
        await ledgers[0].record(done, promise("k"), b"{}")
        found = await ledgers[1].find_kept(promise("k"), time.time())
        assert found is not None
        assert (found.state, found.output) == (PromiseState.DONE, b"{}")


async def test_a_living_hubs_calls_are_its_own_and_a_dead_ones_become_unknown(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_home, "LEASE_SECONDS", 1.2)
    async with AsyncExitStack() as closing:
        living, dying = [await opened(closing, url, owner) for owner in ("living", "dying")]
        began = [replace(task(), outcome=TaskOutcome.UNKNOWN, started_at=time.time()) for _ in range(2)]
        await living.claim(promise("of the living"), began[0], may_redo=False)
        await dying.claim(promise("of the dying"), began[1], may_redo=False)
        await closing.enter_async_context(_asleep(dying))
        newcomer = await opened(closing, url, "newcomer")

        async def state(key: str) -> Any:
            found = await newcomer.find_kept(promise(key), time.time())
            return None if found is None else found.state

        async with asyncio.timeout(20):
            while await state("of the dying") is not PromiseState.UNKNOWN:  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.05)
        assert await state("of the living") is PromiseState.RUNNING
        assert await newcomer.count("org-alice") == 1

        # It was only asleep: what it says now is how the call has ended, and it is still one call.
        await dying.record(replace(began[1], outcome=TaskOutcome.SUCCESS), promise("of the dying"), b"{}")
        assert await state("of the dying") is PromiseState.DONE
        assert await newcomer.count("org-alice") == 1


class _asleep:  # noqa: N801 - reads as a state
    """A hub that does not say that it lives any more."""

    def __init__(self, ledger: Ledger) -> None:
        assert isinstance(ledger.home, PostgresHome)
        self.home = ledger.home

    async def __aenter__(self) -> None:
        beating = self.home._beating  # pyright: ignore[reportPrivateUsage]
        assert beating is not None
        beating.cancel()
        await asyncio.wait([beating])

    async def __aexit__(self, *_: object) -> None: ...


async def test_a_hub_that_starts_again_settles_what_it_had_left(url: str) -> None:
    async with AsyncExitStack() as closing:
        ledger = await opened(closing, url, "this hub")
        await ledger.claim(promise("k"), replace(task(), started_at=time.time()), may_redo=False)
        again = await opened(closing, url, "this hub")

        found = await again.find_kept(promise("k"), time.time())

        assert found is not None
        assert found.state is PromiseState.UNKNOWN
        assert await again.count("org-alice") == 1


async def test_what_was_run_while_the_database_was_away_is_stored_once_it_is_back(url: str, server: Postgres) -> None:
    async with AsyncExitStack() as closing:
        ledger = await opened(closing, url, "this hub")
        await ledger.record(task())
        await asyncio.to_thread(server.stop, "immediate")
        run_meanwhile = [task() for _ in range(20)]
        ends = await asyncio.gather(*map(ledger.record, run_meanwhile), return_exceptions=True)
        assert {type(end) for end in ends} == {NotRecorded}
        with pytest.raises(LedgerBehind):
            ledger.admit()

        await asyncio.to_thread(server.start)

        async with asyncio.timeout(RECOVERY_SECONDS):
            while _is_behind(ledger):  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.05)
        assert await ledger.count("org-alice") == 21


def _is_behind(ledger: Ledger) -> bool:
    try:
        ledger.admit()
    except LedgerBehind:
        return True
    return False
