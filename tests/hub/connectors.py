"""Small connectors to deploy, and what it takes to deploy them."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Any

from tests.hub.people import Answer, Person
from tests.hub.zip_forge import Part, connector_json, forge

BUILD_SECONDS = 60  # a generous ceiling: a build takes well under a second

_CONNECTOR = """
from jackfield import Connector

{name} = Connector()
"""

_SAY = """
from dataclasses import dataclass
from typing import TypedDict

from {name}.connector import {name}


@dataclass
class Nothing:
    pass


class Words(TypedDict):
    words: str


@{name}.operation
def say(nothing: Nothing) -> Words:
    \"\"\"Say the same thing every time.\"\"\"
    return {{"words": "{words}"}}
"""


def connector_zip(
    name: str = "acme",
    words: str = "hello",
    *,
    version: str = "1.0",
    files: dict[str, str] | None = None,
    **metadata: Any,
) -> bytes:
    """Return a connector whose `say` answers `{"words": words}`. `files` are added, or put in place of its own."""
    package = name.replace("-", "_")
    content = {
        f"{package}/__init__.py": "",
        f"{package}/connector.py": _CONNECTOR.format(name=package),
        f"{package}/operations/__init__.py": "",
        f"{package}/operations/say.py": _SAY.format(name=package, words=words),
    } | (files or {})
    described = connector_json(name=name, version=version, service={"name": name, "version": "1"}, **metadata)
    parts = [Part(f"{name}/{path}", text.encode()) for path, text in content.items()]
    return forge([Part(f"{name}/connector.json", described), *parts])


def deployment_path(name: str, deployment_id: str, version: str = "1.0") -> str:
    return f"/cdk/v1/deployments/connectors/{name}/versions/{version}/{deployment_id}"


def deploy_path(name: str = "acme", version: str = "1.0") -> str:
    return deployment_path(name, "deploy-connector-from-source", version)


def deploy_body(data: bytes) -> dict[str, str]:
    return {"connectorSourceCode": base64.b64encode(data).decode()}


async def deploy(person: Person, data: bytes, name: str = "acme", version: str = "1.0") -> Answer:
    return await person.post(deploy_path(name, version), deploy_body(data))


async def wait_until_finished(person: Person, name: str, deployment_id: str, version: str = "1.0") -> dict[str, Any]:
    """Return the deployment once it is no longer `Deploying`."""
    until = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < until:
        answer = await person.get(deployment_path(name, deployment_id, version))
        if answer.json["deploymentStatus"] != "Deploying":
            return answer.json
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} was still Deploying after {BUILD_SECONDS} seconds")


async def until(is_so: Callable[[], bool]) -> None:
    """Return as soon as it is so; fail when it never is."""
    for _ in range(BUILD_SECONDS * 50):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to be")


async def deploy_and_wait(person: Person, data: bytes, name: str = "acme", version: str = "1.0") -> dict[str, Any]:
    """Deploy and return the deployment once it is finished."""
    answer = await deploy(person, data, name, version)
    assert answer.status == 200, answer.body
    return await wait_until_finished(person, name, answer.json["id"], version)
