"""A hub of one's own for every test, and people of two organizations who use it.

The tests run on SQLite, or on Postgres with JACKFIELD_TEST_DATABASE=postgres.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest

from examples.servers.postgres import Postgres, running_postgres
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.identity.service import NewOrganization
from jackfield_hub.logs import configure_logs
from jackfield_hub.settings import Settings
from tests.hub.people import Person, end_user, found, front_door, person_of
from tests.hub.processes import HubProcess, running
from tests.hub.stored import IS_POSTGRES


@dataclass(frozen=True)
class Ground:
    """The data folder of a hub with two organizations, to be copied: hashing their passwords takes a while."""

    folder: Path
    alices: NewOrganization
    charlies: NewOrganization
    database: str = ""  # on Postgres: the database that goes with the folder, to be copied too


@pytest.fixture(autouse=True)
def _umask() -> Generator[None]:
    """Undo what commands do to the process they run in: here that is the process of the tests."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Log as a running hub does; pytest shows it beside a test that failed."""
    configure_logs()


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    """A Postgres server that keeps nothing safe, and is quick."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def new_database(request: pytest.FixtureRequest) -> Generator[Callable[[], str]]:
    """Gives the URL of a new, empty database as often as it is asked; on SQLite, "": the one in the data folder."""
    if not IS_POSTGRES:
        yield lambda: ""
        return
    server: Postgres = request.getfixturevalue("postgres")
    made: list[str] = []

    def make() -> str:
        made.append(server.new_database())
        return made[-1]

    yield make
    for url in made:
        server.drop(url)


@pytest.fixture
def empty_database(new_database: Callable[[], str], tmp_path: Path) -> str:
    """The URL of a database without any table."""
    return new_database() or f"sqlite:///{tmp_path / 'core.db'}"


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Ground:
    folder = tmp_path_factory.mktemp("ground") / "data"
    database = request.getfixturevalue("postgres").new_database() if IS_POSTGRES else ""

    async def prepare() -> Ground:
        async with open_hub(Settings(data_dir=folder, database=database)) as hub:
            return Ground(folder, await found(hub, "alice"), await found(hub, "charlie"), database)

    return asyncio.run(prepare())


@pytest.fixture
def copy_of(request: pytest.FixtureRequest) -> Generator[Callable[[str], str]]:
    """Gives the URL of a copy of a database nobody uses; on SQLite, "": what is to be copied is in the data folder."""
    yield from _copies(request)


@pytest.fixture(scope="module")
def lasting_copy_of(request: pytest.FixtureRequest) -> Generator[Callable[[str], str]]:
    """The same, with copies that last as long as the module's tests."""
    yield from _copies(request)


def _copies(request: pytest.FixtureRequest) -> Generator[Callable[[str], str]]:
    if not IS_POSTGRES:
        yield lambda url: ""
        return
    server: Postgres = request.getfixturevalue("postgres")
    made: list[str] = []

    def copy(url: str) -> str:
        made.append(server.copy(url))
        return made[-1]

    yield copy
    for url in made:
        server.drop(url)


@pytest.fixture
def settings(tmp_path: Path, ground: Ground, copy_of: Callable[[str], str]) -> Settings:
    """The settings of the test's hub. Override this fixture to change them, on top of the same folder."""
    data_dir = tmp_path / "data"
    shutil.copytree(ground.folder, data_dir)
    return Settings(
        data_dir=data_dir,
        database=copy_of(ground.database),
        allowed_networks=(ip_network("127.0.0.0/8"),),
        drain_seconds=1,
        requests_per_second=0,
        organization_requests_per_second=0,
    )


@pytest.fixture
async def hub(settings: Settings) -> AsyncGenerator[Hub]:
    async with open_hub(settings) as hub:
        yield hub


@pytest.fixture
async def door(hub: Hub) -> AsyncGenerator[aiohttp.ClientSession]:
    """A client of the hub, which listens on a free port while the test runs. `door._base_url` is where."""
    async with front_door(hub) as session:
        yield session


@pytest.fixture
def alice(ground: Ground, door: aiohttp.ClientSession) -> Person:
    """The master token of an organization; `alice.program` is its API token."""
    return person_of(ground.alices, door)


@pytest.fixture
async def bob(hub: Hub, alice: Person) -> Person:
    """An end user of Alice's organization."""
    return await end_user(hub, alice, "bob")


@pytest.fixture
def charlie(ground: Ground, door: aiohttp.ClientSession) -> Person:
    """The master token of another organization."""
    return person_of(ground.charlies, door)


@pytest.fixture
def hub_process(tmp_path: Path, new_database: Callable[[], str]) -> Generator[HubProcess]:
    """`jackfield serve` in a process of its own, with an organization made by its first start."""
    with running(tmp_path / "hub", allowed_networks="127.0.0.0/8", database=new_database()) as hub:
        yield hub
