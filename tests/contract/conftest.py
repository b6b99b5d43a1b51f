"""A hub with one connector on it, deployed and called as any client would."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jackfield.project import open_project, pack
from jackfield_hub.hub import Hub
from tests.contract.third_party import ThirdParty, running_third_party
from tests.hub.people import Person, end_user

SHOP = Path(__file__).parent / "shop"
DEPLOYMENTS = "/cdk/v1/deployments/connectors/shop/versions/1.0"


@dataclass(frozen=True)
class Shop:
    """The deployed connector, its owner and its third party."""

    owner: Person
    auth_id: str
    third_party: ThirdParty

    async def count_tasks(self) -> int:
        return (await self.owner.get("/v1/usage")).json["tasks"]

    async def create_auth(self, person: Person) -> str:
        return await create_auth(person, self.third_party)


@pytest.fixture
async def ann(hub: Hub, alice: Person) -> Person:
    """Another end user of Alice's organization."""
    return await end_user(hub, alice, "ann")


@pytest.fixture
async def shop(alice: Person) -> AsyncGenerator[Shop]:
    async with running_third_party() as third_party:
        await deploy(alice)
        yield Shop(alice, await create_auth(alice, third_party), third_party)


async def deploy(person: Person) -> None:
    source = {"connectorSourceCode": b64encode(pack(open_project(SHOP))).decode()}
    deployment = (await person.post(f"{DEPLOYMENTS}/deploy-connector-from-source", source)).json
    while deployment["deploymentStatus"] == "Deploying":
        await asyncio.sleep(0.02)
        deployment = (await person.get(f"{DEPLOYMENTS}/{deployment['id']}")).json
    assert deployment["deploymentStatus"] == "Deployed", deployment


async def create_auth(person: Person, third_party: ThirdParty) -> str:
    environments = await person.get("/core/v1/services/shop/versions/4/environments")
    auth = {
        "name": "The shop",
        "serviceEnvironmentId": environments.json["elements"][0]["id"],
        "userData": {"server": third_party.url},
        "credentials": {"apiKey": "the key of the shop"},
    }
    return (await person.post("/core/v1/authentications", auth)).json["id"]
