"""The package index of a hub whose operator named none: the one that uv uses by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from ipaddress import ip_network
from subprocess import run
from urllib.parse import urlsplit

import orjson
from uv import find_uv_bin

from jackfield.egress.engine import Engine
from jackfield.egress.grant import Grant
from jackfield.egress.policy import AddressPolicy, HostRule
from jackfield.errors import OperationError
from jackfield.exchange import Request
from jackfield_hub.deployments.stages import CannotBuild

OPTION = "--index-url "
A_PACKAGE_OF_EVERY_INDEX = "pip"
PAGE = "application/vnd.pypi.simple.v1+json"
ASK_SECONDS = 30.0
# Whoever runs the hub has named the index, so it may be anywhere but where clouds keep their machines' credentials.
ANYWHERE = AddressPolicy((ip_network("0.0.0.0/0"), ip_network("::/0")))


@dataclass(frozen=True)
class PackageIndex:
    """Where an index is, and the other origins where it keeps its files."""

    url: str
    file_hosts: tuple[str, ...] = ()


_found: dict[str, PackageIndex] = {}  # by URL: asked once a process


async def find_default_index(engine: Engine, deadline: float) -> PackageIndex:
    """Return the index uv uses, and where it says itself that its files are. Raises CannotBuild when it is away."""
    url = await asyncio.to_thread(_url)
    if url not in _found:
        _found[url] = PackageIndex(url, await _file_hosts(url, engine, deadline))
    return _found[url]


def _url() -> str:
    command = [find_uv_bin(), "pip", "compile", "--emit-index-url", "--no-header", "--quiet", "-"]
    said = run(command, input="", capture_output=True, text=True, timeout=ASK_SECONDS, check=True).stdout  # noqa: S603
    return next(line.removeprefix(OPTION) for line in said.splitlines() if line.startswith(OPTION)).rstrip("/")


async def _file_hosts(url: str, engine: Engine, deadline: float) -> tuple[str, ...]:
    page = Request("GET", f"{url}/{A_PACKAGE_OF_EVERY_INDEX}/", (("Accept", PAGE),))
    grant = Grant((HostRule.parse(url),), addresses=ANYWHERE, owner="package index")
    try:
        answer = await engine.send(page, grant, deadline)
        urls: list[str] = [file["url"] for file in orjson.loads(answer.body)["files"]]
    except (OperationError, orjson.JSONDecodeError, KeyError, TypeError):
        raise CannotBuild(
            "The package index did not answer as indexes do. Deploy again; whoever runs the hub can name another index."
        ) from None
    origins = dict.fromkeys(_origin(file) for file in urls if "://" in file)
    return tuple(origin for origin in origins if origin != _origin(url))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
