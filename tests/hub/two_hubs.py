"""Two hubs of one database, each a process with a data folder of its own."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from tests.hub.people import Person
from tests.hub.processes import COMMAND, HubProcess, start

GENEROUS_SECONDS = 20  # a second is promised, and far less than the minute for which a token is known is meant


@dataclass
class TwoHubs:
    """Both hubs, and Alice with the master token at each door."""

    first: HubProcess
    second: HubProcess
    alice: Person
    other_door: aiohttp.ClientSession

    def elsewhere(self, person: Person) -> Person:
        """Return the same person at the door of the second hub."""
        return replace(person, session=self.other_door)


@asynccontextmanager
async def two_hubs(
    folder: Path,
    database: str,
    *,
    second_database: str = "",
    second_command: Sequence[str] = COMMAND,
    **settings: str,
) -> AsyncGenerator[TwoHubs]:
    """Run two hubs on a database: a URL of Postgres, or "" for a SQLite file between them.

    On SQLite they share sources and bundles as two processes of one hub do. `second_database` is another way to the
    same database, `second_command` another way to run a hub.
    """
    pair = hub_pair(folder, database, second_database=second_database, second_command=second_command, **settings)
    first, second = await asyncio.to_thread(pair.__enter__)
    try:
        async with doors_of(first, second) as hubs:
            yield hubs
    finally:
        pair.__exit__(None, None, None)


@contextmanager
def hub_pair(
    folder: Path,
    database: str,
    *,
    second_database: str = "",
    second_command: Sequence[str] = COMMAND,
    **settings: str,
) -> Generator[tuple[HubProcess, HubProcess]]:
    """Run the processes of two hubs."""
    given = {
        "database": database or f"sqlite:///{folder / 'shared.db'}",
        "master_key": base64.b64encode(os.urandom(32)).decode(),
        "allowed_networks": "127.0.0.0/8",
        "job_lease_seconds": "2",
        **settings,
    }
    if not database:
        _share_files(folder / "first", folder / "second")
    with ExitStack() as ending:
        first = start(folder / "first", **given)
        ending.callback(_end, first)
        second = start(folder / "second", second_command, **{**given, "database": second_database or given["database"]})
        ending.callback(_end, second)
        yield first, second


@asynccontextmanager
async def doors_of(first: HubProcess, second: HubProcess) -> AsyncGenerator[TwoHubs]:
    """Give Alice at the doors of both."""
    async with aiohttp.ClientSession(first.url) as door, aiohttp.ClientSession(second.url) as other_door:
        tokens = first.tokens
        alice = Person(door, tokens["organizationId"], tokens["masterToken"], tokens["apiToken"])
        yield TwoHubs(first, second, alice, other_door)


def _share_files(first: Path, second: Path) -> None:
    second.mkdir(parents=True)
    for name in ("sources", "bundles"):
        (first / name).mkdir(parents=True)
        (second / name).symlink_to(first / name)


def _end(hub: HubProcess) -> None:
    if hub.process.poll() is None:
        hub.kill()


async def soon(is_so: Callable[[], Awaitable[bool]]) -> float:
    """Return after how many seconds it was so; fail when that takes long."""
    began = time.monotonic()
    while time.monotonic() < began + GENEROUS_SECONDS:
        if await is_so():
            return time.monotonic() - began
        await asyncio.sleep(0.01)
    raise AssertionError("the other hub never noticed")


async def program_of(alice: Person, name: str, role_id: str) -> tuple[str, Person, str]:
    """Return id, person and token id of a new program of Alice's organization, with a token."""
    wanted = {"name": name, "email": f"{name}@example.com", "organizationRoleId": role_id}
    user: dict[str, Any] = (await alice.post("/v1/api-users", wanted)).json
    token = (await alice.post("/v1/tokens", {"name": name, "userId": user["id"]})).json
    return user["id"], replace(alice, token=token["token"], api_token=""), token["id"]
