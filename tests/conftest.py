"""A hub of one's own for every test, and people of two organizations who use it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest

from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.identity.service import NewOrganization
from jackfield_hub.logs import configure_logs
from jackfield_hub.settings import Settings
from tests.hub.people import Person, end_user, found, front_door, person_of
from tests.hub.processes import HubProcess, running


@dataclass(frozen=True)
class Ground:
    """The data folder of a hub with two organizations, to be copied: hashing their passwords takes a while."""

    folder: Path
    alices: NewOrganization
    charlies: NewOrganization


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Log as a running hub does; pytest shows it beside a test that failed."""
    configure_logs()


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("ground") / "data"

    async def prepare() -> Ground:
        async with open_hub(Settings(data_dir=folder)) as hub:
            return Ground(folder, await found(hub, "alice"), await found(hub, "charlie"))

    return asyncio.run(prepare())


@pytest.fixture
def settings(tmp_path: Path, ground: Ground) -> Settings:
    """The settings of the test's hub. Override this fixture to change them, on top of the same folder."""
    data_dir = tmp_path / "data"
    shutil.copytree(ground.folder, data_dir)
    return Settings(
        data_dir=data_dir,
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
def hub_process(tmp_path: Path) -> Generator[HubProcess]:
    """`jackfield serve` in a process of its own, with an organization made by its first start."""
    with running(tmp_path / "hub", allowed_networks="127.0.0.0/8") as hub:
        yield hub
