"""Connectors of which every call has a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jackfield.exchange import Request, Response
from jackfield.manifest import Isolation, Metadata, MetadataMistake
from jackfield_hub.sandbox.jail import JAILS
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, Overloaded, Pool
from jackfield_hub.sandbox.spares import MAX_SPARES
from tests.hub.connectors import connector_zip, deploy_and_wait
from tests.hub.people import Person
from tests.hub.small_connectors import small_bundle
from tests.hub.test_sandbox_calls import give, output, run
from tests.hub.test_sandbox_faults import is_gone, processes_below

CODE = """
seen = []

@small.operation
def remember(text: Text) -> dict:
    before = list(seen)
    seen.append(text.text)
    with open("note", "a+") as note:
        note.write(text.text)
        note.seek(0)
        return {"seen": before, "note": note.read(), "pid": os.getpid()}

@small.operation
def rest() -> dict:
    time.sleep(0.5)
    return {"pid": os.getpid()}

@small.operation
def ask(http: Http) -> dict:
    return http.get("/").json()

@small.operation
def crash() -> dict:
    os._exit(1)
"""


@pytest.fixture(params=JAILS)
async def pool(request: pytest.FixtureRequest) -> AsyncGenerator[Pool]:
    pool = Pool(Limits(drain_seconds=1.0, max_workers=8), request.param)
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return replace(small_bundle(tmp_path / "bundle", CODE), isolation=Isolation.CALL)


async def test_nothing_of_one_call_is_there_in_the_next(pool: Pool, bundle: Bundle):
    answers = [await give(pool, bundle, "remember", text=text) for text in "abcde"]

    assert [answer["seen"] for answer in answers] == [[]] * 5
    assert [answer["note"] for answer in answers] == list("abcde")
    assert len({answer["pid"] for answer in answers}) == 5


async def test_calls_at_once_have_a_process_each(pool: Pool, bundle: Bundle):
    answers = await asyncio.gather(*(give(pool, bundle, "rest") for _ in range(5)))

    assert len({answer["pid"] for answer in answers}) == 5


async def test_the_process_of_a_call_ends_with_it(pool: Pool, bundle: Bundle):
    await asyncio.gather(*(give(pool, bundle, "remember", text="a") for _ in range(6)))
    below = pool.first_pid or 0
    zygote = 1 if pool.rung is JAILS[0] else 0

    assert await is_gone(lambda: len(processes_below(below)) > MAX_SPARES + zygote)
    assert await is_gone(lambda: pool.counters["started"] - pool.counters["ended"] > MAX_SPARES)  # heard of a bit later


async def test_the_next_call_finds_a_worker_that_waits(pool: Pool, bundle: Bundle):
    await give(pool, bundle, "remember", text="a")
    began = pool.counters["started"]
    await asyncio.sleep(0.3)

    await give(pool, bundle, "remember", text="b")

    assert began == 2
    assert pool.counters["started"] <= 3


async def test_without_room_a_call_is_refused_and_spares_are_given_up_first(pool: Pool, bundle: Bundle):
    asked, may_answer = asyncio.Semaphore(0), asyncio.Event()

    async def send(request: Request) -> Response:
        asked.release()
        await may_answer.wait()
        return Response(200, (), b"{}")

    resting = [asyncio.create_task(run(pool, bundle, "ask", send=send)) for _ in range(8)]
    for _ in resting:
        await asyncio.wait_for(asked.acquire(), 30)

    with pytest.raises(Overloaded):
        await run(pool, bundle, "remember", text="a")

    may_answer.set()
    assert all(outcome.is_success for outcome in await asyncio.gather(*resting))


async def test_a_connector_that_keeps_crashing_is_paused(pool: Pool, bundle: Bundle):
    kinds = [output(await run(pool, bundle, "crash"))["kind"] for _ in range(8)]

    assert kinds[:3] == ["WorkerCrashed"] * 3
    assert kinds[-1] == "WorkerPaused"
    assert await give(pool, bundle, "remember", organization="charlie", text="a")


async def test_a_call_that_hangs_is_stopped_at_its_deadline(pool: Pool, tmp_path: Path):
    hanging = replace(
        small_bundle(tmp_path / "hanging", "@small.operation\ndef hang() -> dict:\n    time.sleep(60)"),
        isolation=Isolation.CALL,
    )

    assert output(await run(pool, hanging, "hang", seconds=1.0))["kind"] == "TimedOut"
    assert pool.counters["TimedOut"] == 1


async def test_workers_that_wait_in_vain_are_ended(tmp_path: Path):
    bundle = replace(small_bundle(tmp_path / "bundle", CODE), isolation=Isolation.CALL)
    pool = Pool(Limits(drain_seconds=1.0, idle_seconds=0.4))
    await pool.start()

    await give(pool, bundle, "remember", text="a")

    assert await is_gone(lambda: pool.counters["started"] != pool.counters["ended"])
    await pool.stop()


@pytest.mark.parametrize("organizations", [("alice", "charlie")])
async def test_a_shared_connector_runs_for_each_organization_by_itself(
    pool: Pool, tmp_path: Path, organizations: tuple[str, str]
):
    """Also when calls of one organization share a process, which is the rule."""
    shared = small_bundle(tmp_path / "shared", CODE)
    alice, charlie = organizations
    await give(pool, shared, "remember", organization=alice, text="of alice")

    seen = await give(pool, shared, "remember", organization=charlie, text="of charlie")

    assert seen["seen"] == []


async def test_a_deployed_connector_says_it_in_its_connector_json(alice: Person):
    files = {
        "acme/connector.py": "from jackfield import Connector\nacme = Connector('https://acme.example')\nseen = []\n",
        "acme/operations/look.py": REMEMBER,
    }
    deployment = await deploy_and_wait(alice, connector_zip(files=files, isolation="call"))
    assert deployment["deploymentStatus"] == "Deployed", deployment

    answers = [await call(alice, text) for text in "abc"]

    assert answers == [{"seen": []}] * 3


REMEMBER = '''
from dataclasses import dataclass
from acme.connector import acme, seen

@dataclass
class Text:
    text: str

@acme.operation
def remember(text: Text) -> dict:
    """Remember."""
    before = list(seen)
    seen.append(text.text)
    return {"seen": before}
'''


async def call(person: Person, text: str) -> Any:
    asked = {"operation": "remember", "input": {"text": text}}
    answer = await person.post("/core/v1/connectors/acme/versions/1.0/call", asked)
    return answer.json["output"]


def test_an_isolation_nobody_knows_is_a_mistake():
    known = {"name": "acme", "version": "1.0", "service": {"name": "acme"}}

    with pytest.raises(MetadataMistake, match='"isolation" must be "organization" or "call"'):
        Metadata.from_json({**known, "isolation": "thread"})
