"""What a hub is like that holds 10,000 connectors, 1,000,000 auths and 100,000 end users, beside the same hub empty.

python -m bench.scale [--connectors 10000 --auths 1000000 --users 100000] [--database postgres]

Rows are put into the database directly, sealed as the hub seals them; everything is then asked of a real hub.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Any

from sqlalchemy import Table, insert, select, text

from bench import hubs
from bench.processes import memory_megabytes, wait_until_idle
from bench.soak_renewals import empty_database
from bench.variants import environment, free_port, third_party
from examples.local_hub import Hub, running_hub
from jackfield.project import open_project
from jackfield_hub.auths.sealing import newest_data_key, open_vault, seal_json
from jackfield_hub.catalog import service as catalog
from jackfield_hub.database import Database
from jackfield_hub.identity.shapes import CallerKind, Role, UserKind
from jackfield_hub.identity.workspaces.shapes import WorkspaceType
from jackfield_hub.settings import Settings
from jackfield_hub.tables import auths, connectors, tokens, users, workspaces

RESULTS = Path(__file__).parent / "results"
LIST = "/core/v1/connectors"
OPERATIONS = "/core/v1/connectors/echo-{number:05d}/versions/1.0/operations"
CALL = "/core/v1/connectors/echo/versions/1.0/call"
BATCH = 5_000
CALLED = 4_000  # auths that are called with, each about once
CALLS = 1_000
ROUNDS = 20
PAGE = 100
LARGEST_PAGE = 5_000
DEPTH = 50_000
RATE = 50.0
CONNECTIONS = 8  # the calls at a rate take turns on them
LOAD_SECONDS = 8.0
CHANGE_SECONDS = 0.5
NO_LIMITS = {"JACKFIELD_REQUESTS_PER_SECOND": "0", "JACKFIELD_ORGANIZATION_REQUESTS_PER_SECOND": "0"}

USERS = "query($first: Int, $after: String) { users(first: $first, after: $after) { %s } }"
SHOWN_USERS = USERS % "edges { node { id name externalUserId } } pageInfo { hasNextPage hasPreviousPage endCursor }"
MY_AUTHS = "{ viewer { authentications(first: 100) { edges { node { id name service { name } } } } } }"
ONE_USER = "query($id: String) { users(criteria: {externalUserId: $id}) { edges { node { id } } } }"
AUTHORIZE = "mutation($id: ID!) { authorize(input: {userId: $id}) { accessToken } }"


@dataclass(frozen=True)
class Size:
    """How many rows there are. Half of the auths are the organization's own."""

    connectors: int
    auths: int
    users: int

    @property
    def members(self) -> int:
        return self.users // 100


@dataclass
class Took:
    """How long something took, in milliseconds."""

    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, taken: list[float]) -> Took:
        cuts = quantiles(taken, n=100) if len(taken) > 1 else taken * 99
        return cls(round(cuts[49], 2), round(min(cuts[98], max(taken)), 2), round(max(taken), 2))


@dataclass
class Measured:
    """One run."""

    database: str
    size: Size
    environment: dict[str, str]
    fill_seconds: float = 0.0
    list_bytes: int = 0
    memory_mb: dict[str, float] = field(default_factory=dict[str, float])
    milliseconds: dict[str, Took] = field(default_factory=dict[str, Took])

    def __str__(self) -> str:
        lines = [
            f"{name:58}{took.p50:9.2f}{took.p99:9.2f}{took.worst:9.2f}" for name, took in self.milliseconds.items()
        ]
        size = f"{self.size.connectors:,} connectors, {self.size.auths:,} auths, {self.size.users:,} end users"
        filled = f"filled in {self.fill_seconds:.0f} s; the list has {self.list_bytes:,} bytes"
        return "\n".join(
            [
                f"{size}, on {self.database}; {filled}",
                f"{'milliseconds':58}{'p50':>9}{'p99':>9}{'worst':>9}",
                *lines,
                *(f"{f'PSS of the hub, {name}':58}{memory:9.1f} MB" for name, memory in self.memory_mb.items()),
            ]
        )


class Client:
    """Somebody with a token, on one connection that stays open."""

    def __init__(self, hub: Hub, token: str = "") -> None:
        self._connection = HTTPConnection("127.0.0.1", int(hub.url.rpartition(":")[2]), timeout=60)
        self._headers = {"Authorization": f"Bearer {token or hub.master_token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None, expected: int = 200, **headers: str) -> tuple[bytes, str]:
        """Return the answer and its ETag."""
        sent = None if body is None else json.dumps(body)
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, sent, {**self._headers, **said})
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == expected, f"{method} {path}: {answer.status} {content[:300]!r}"
        return content, answer.headers.get("ETag", "")

    def get(self, path: str) -> Any:
        return json.loads(self.ask("GET", path)[0])

    def graphql(self, document: str, **variables: Any) -> Any:
        answer = json.loads(self.ask("POST", "/graphql", {"query": document, "variables": variables})[0])
        assert "errors" not in answer, answer
        return answer["data"]

    def call(self, auth_id: str) -> None:
        given = {"thing_id": "thing-1", "limit": 10}
        body = {"operation": "get_thing", "input": given, "authId": auth_id}
        answer = json.loads(self.ask("POST", CALL, body)[0])
        assert answer["outcome"] == "success", answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connectors", type=int, default=2_000)
    parser.add_argument("--auths", type=int, default=50_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    options = parser.parse_args()
    measured = Measured(options.database, Size(options.connectors, options.auths, options.users), environment())
    with tempfile.TemporaryDirectory(prefix="jackfield-scale-") as folder, empty_database(options.database) as url:
        Path(folder).chmod(0o711)  # workers of a root hub pass through
        measure(measured, Path(folder), url)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"scale-{options.database}.json").write_text(json.dumps(asdict(measured), indent=2))
    print(measured)


def measure(measured: Measured, folder: Path, url: str) -> None:
    settings = Settings(data_dir=folder / "hub", database=url)
    with third_party() as port:
        with _hub(folder, url) as (hub, process):
            for project in hubs.CONNECTORS:
                hub.deploy(open_project(project))
            auth_id = next(iter(hubs.RunningHub.of(hub, process, port).auths.values()))
            _measure_calls(measured, "a call, the hub empty", Client(hub), [auth_id])
            _note_memory(measured, "empty", process)
        began = time.monotonic()
        called = asyncio.run(fill(settings, measured.size, auth_id, _server(port)))
        measured.fill_seconds = round(time.monotonic() - began, 1)
        with _hub(folder, url) as (hub, process):
            client = Client(hub)
            _note_memory(measured, "full, just started", process)
            _measure_catalog(measured, client)
            _measure_auths(measured, hub, client, called)
            _measure_people(measured, client)
            _measure_calls(measured, "a call, each with another auth", client, called)
            _measure_calls(measured, "a call, always with one auth", client, called[:1])
            asyncio.run(_measure_load(measured, settings, hub, called))
            _note_memory(measured, "full, after all this", process)


@contextmanager
def _hub(folder: Path, url: str) -> Generator[tuple[Hub, int]]:
    told = {**NO_LIMITS, **({"JACKFIELD_DATABASE": url} if url else {})}
    with hubs.with_environment(told), running_hub(folder, free_port()) as (hub, process):
        yield hub, process.pid


def _server(port: int) -> dict[str, str]:
    return {"server": f"http://127.0.0.1:{port}"}


def _note_memory(measured: Measured, name: str, process: int) -> None:
    wait_until_idle(process)
    measured.memory_mb[name] = round(memory_megabytes(process), 1)


# What is asked


def _timed(measured: Measured, name: str, work: Callable[[], Any], rounds: int = ROUNDS) -> None:
    measured.milliseconds[name] = Took.of([_milliseconds(work) for _ in range(rounds)])
    print(f"{name}: {measured.milliseconds[name]}", file=sys.stderr)


def _milliseconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _measure_catalog(measured: Measured, client: Client) -> None:
    _timed(measured, "all connectors, the first time", lambda: client.ask("GET", LIST), 1)
    content, etag = client.ask("GET", LIST)
    measured.list_bytes = len(content)
    _timed(measured, "all connectors, again", lambda: client.ask("GET", LIST))
    _timed(
        measured, "all connectors, unchanged (304)", lambda: client.ask("GET", LIST, expected=304, If_None_Match=etag)
    )
    numbers = iter(random.Random(1).sample(range(measured.size.connectors), ROUNDS))
    _timed(measured, "the operations of a connector", lambda: client.get(OPERATIONS.format(number=next(numbers))))


def _measure_auths(measured: Measured, hub: Hub, client: Client, called: list[str]) -> None:
    unseen = iter(called[-ROUNDS:])
    _timed(measured, "an auth by its id", lambda: client.get(f"/core/v1/authentications/{next(unseen)}"))
    user_id = client.graphql(ONE_USER, id="customer-7")["users"]["edges"][0]["node"]["id"]
    somebody = Client(hub, client.graphql(AUTHORIZE, id=user_id)["authorize"]["accessToken"])
    _timed(measured, "an end user's own auths", lambda: somebody.graphql(MY_AUTHS))
    _timed(measured, "100 of half of all auths: the organization's", lambda: client.graphql(MY_AUTHS), 5)


def _measure_people(measured: Measured, client: Client) -> None:
    def page(first: int, after: str | None = None) -> dict[str, Any]:
        return client.graphql(SHOWN_USERS, first=first, after=after)["users"]

    cursor, depth = None, 0
    while depth < min(DEPTH, measured.size.users - LARGEST_PAGE):
        cursor, depth = page(LARGEST_PAGE, cursor)["pageInfo"]["endCursor"], depth + LARGEST_PAGE
    _timed(measured, f"the first {PAGE} end users", partial(page, PAGE))
    _timed(measured, f"{PAGE} end users after {depth:,} others", partial(page, PAGE, cursor))
    _timed(measured, "an end user by the customer's own id", lambda: client.graphql(ONE_USER, id="customer-99"))
    user_id = page(1)["edges"][0]["node"]["id"]
    _timed(measured, "a new token for an end user", lambda: client.graphql(AUTHORIZE, id=user_id))
    _timed(measured, "who I am", lambda: client.get("/v1/me"))
    for what, path in (("members", "/core/v1/users"), ("workspaces", "/core/v1/workspaces")):
        last = client.get(f"{path}?last={PAGE}")["pageInfo"]["startCursor"]
        _timed(measured, f"the first {PAGE} {what}", partial(client.get, f"{path}?first={PAGE}"))
        _timed(measured, f"the last {PAGE} {what}", partial(client.get, f"{path}?first={PAGE}&cursor={last}"))


def _measure_calls(measured: Measured, name: str, client: Client, called: list[str]) -> None:
    turns = cycle(called)
    client.call(called[-1])
    _timed(measured, name, lambda: client.call(next(turns)), CALLS)


async def _measure_load(measured: Measured, settings: Settings, hub: Hub, called: list[str]) -> None:
    """Call at a steady rate, first alone; then somebody changes a connector and lists them all, again and again."""
    alone = await asyncio.to_thread(_calls_at_a_rate, hub, called)
    measured.milliseconds["a call at 50 a second, alone"] = Took.of(alone)
    calling = asyncio.create_task(asyncio.to_thread(_calls_at_a_rate, hub, called))
    client, rebuilt = Client(hub), list[float]()
    async with _database(settings) as database:
        etag = client.ask("GET", LIST)[1]
        while not calling.done():
            await _touch(database)
            before, took = etag, 0.0
            while etag == before:
                await asyncio.sleep(CHANGE_SECONDS / 5)
                took = await asyncio.to_thread(_milliseconds, partial(client.ask, "GET", LIST))
                etag = client.ask("GET", LIST)[1]
            rebuilt.append(took)
            await asyncio.sleep(CHANGE_SECONDS)
    measured.milliseconds["a call at 50 a second, while the list is made anew"] = Took.of(await calling)
    measured.milliseconds["the list made anew meanwhile"] = Took.of(rebuilt)


def _calls_at_a_rate(hub: Hub, called: list[str]) -> list[float]:
    """Begin each call when its time has come; return how long after that its answer was there."""
    began = time.perf_counter() + 0.5  # every connection has had a call by then
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        streams = threads.map(partial(_stream, hub, called, began), range(CONNECTIONS))
        return [one for taken in streams for one in taken]


def _stream(hub: Hub, called: list[str], began: float, first: int) -> list[float]:
    client, taken, chance = Client(hub), list[float](), random.Random(first)
    client.call(called[0])
    for number in range(first, int(RATE * LOAD_SECONDS), CONNECTIONS):
        due = began + number / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        client.call(chance.choice(called))
        taken.append((time.perf_counter() - due) * 1000)
    return taken


async def _touch(database: Database) -> None:
    """Do what a deployment does to the lists."""
    async with database.transaction() as tx:
        await catalog.changed(tx, await tx.scalar(select(connectors.c.organization_id).limit(1)))


# What there is


async def fill(settings: Settings, size: Size, auth_id: str, server: dict[str, str]) -> list[str]:
    """Store so many rows like those there are; return ids of auths that can be called with."""
    async with _database(settings) as database:
        async with database.reading() as tx:
            auth = dict(await tx.one_or_none(select(auths).where(auths.c.id == auth_id)) or {})
            connector = dict(await tx.one_or_none(select(connectors).where(connectors.c.name == "echo")) or {})
        organization_id = auth["organization_id"]
        user_ids = [str(uuid.uuid4()) for _ in range(size.users)]
        await _insert(database, users, _end_users(organization_id, user_ids))
        await _insert(database, users, _members(organization_id, size.members))
        await _insert(database, workspaces, _workspaces(organization_id, size.members))
        await _insert(database, tokens, _tokens(organization_id, user_ids))
        await _insert(database, connectors, _connectors(connector, size.connectors))
        vault = await open_vault(settings, database)
        async with database.transaction(organization_id) as tx:
            key = await newest_data_key(vault, tx, organization_id, time.time())
        seal = partial(seal_json, vault, key)
        called: list[str] = []

        def rows() -> Iterator[dict[str, Any]]:
            every = max(2, size.auths // CALLED // 2 * 2)
            for number in range(size.auths):
                row_id, owner_id = str(uuid.uuid4()), user_ids[number // 2 % size.users] if number % 2 else None
                if number % every == 0:
                    called.append(row_id)
                sealed = {
                    "user_data": seal(row_id, "user_data", server),
                    "credentials": seal(row_id, "credentials", {"apiKey": hubs.KEY}),
                }
                yield {**auth, **sealed, "id": row_id, "owner_id": owner_id, "name": f"Account {number}"}

        await _insert(database, auths, rows())
        if not database.is_sqlite:
            async with database.transaction() as tx:
                await tx.execute(text("ANALYZE"))  # autovacuum does it elsewhere
    random.Random(2).shuffle(called)
    return called


@asynccontextmanager
async def _database(settings: Settings) -> AsyncGenerator[Database]:
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        await database.close()


async def _insert(database: Database, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        async with database.transaction() as tx:
            await tx.execute(insert(table), batch)


def _end_users(organization_id: str, user_ids: list[str]) -> Iterator[dict[str, Any]]:
    for number, user_id in enumerate(user_ids):
        person = {"name": f"Customer {number}", "external_id": f"customer-{number}", "kind": UserKind.END_USER}
        yield {
            "id": user_id,
            "organization_id": organization_id,
            "created_at": 1e9 + number,
            "is_test": False,
            **person,
        }


def _members(organization_id: str, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        person = {"name": f"Member {number}", "email": f"m{number}@example.com", "kind": UserKind.MEMBER}
        said = {"id": str(uuid.uuid4()), "organization_id": organization_id, "role": Role.CONTRIBUTOR}
        yield {**said, **person, "is_test": False, "created_at": 2e9 + number}


def _workspaces(organization_id: str, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        said = {"id": str(uuid.uuid4()), "organization_id": organization_id, "created_at": 1e9 + number}
        yield {**said, "name": f"Workspace {number}", "type": WorkspaceType.SHARED}


def _tokens(organization_id: str, user_ids: list[str]) -> Iterator[dict[str, Any]]:
    for user_id in user_ids:
        said = {"hash": os.urandom(32).hex(), "id": str(uuid.uuid4()), "organization_id": organization_id}
        kind = {"kind": CallerKind.END_USER, "name": "", "prefix": "jf_user_0000", "created_at": time.time()}
        yield {**said, **kind, "user_id": user_id, "expires_at": time.time() + 1e6}


def _connectors(model: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        name = f"echo-{number:05d}"
        told = {"title": f"Echo {number}", "description": f"What a third party number {number} answers."}
        manifest = json.loads(model["manifest"])
        manifest["metadata"] = {**manifest.get("metadata", {}), "name": name, **told}
        yield {**model, "name": name, **told, "manifest": json.dumps(manifest).encode()}


if __name__ == "__main__":
    main()
