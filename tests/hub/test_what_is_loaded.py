"""A hub that runs takes little memory: it has loaded what it uses, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

A_HUB = """
import asyncio, sys
from pathlib import Path
from jackfield_hub.hub import open_hub
from jackfield_hub.listener import open_socket
from jackfield_hub.server import serving
from jackfield_hub.settings import Settings
from jackfield_hub.start import begin

async def main():
    settings = Settings(data_dir=Path(sys.argv[1]), database="", trust_all_connectors=True)
    async with open_hub(settings) as hub:
        await begin(hub)
        async with serving(hub, open_socket("127.0.0.1", 0)):
            print(*sys.modules)

asyncio.run(main())
"""
A_SUPERVISOR = "import sys, jackfield_hub.serve; print(*sys.modules)"

#: Libraries nobody needs before somebody asks for what they do, or sets what they are for.
FOR_SOME = {
    "alembic",
    "asyncpg",
    "graphql",
    "jinja2",
    "mako",
    "obstore",
    "opentelemetry.sdk",
    "pygments",
    "rich",
    "sqlalchemy.orm",
    "strawberry",
}
FOR_THOSE_WHO_SERVE = {"aiohttp", "cryptography", "fastapi", "jackfield_hub.hub", "sqlalchemy", "starlette", "uvicorn"}


def loaded(script: str, *arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_hub_loads_no_library_that_it_does_not_use(tmp_path: Path) -> None:
    assert loaded(A_HUB, str(tmp_path / "data")) & FOR_SOME == set()


def test_a_supervisor_loads_nothing_that_serves() -> None:
    assert loaded(A_SUPERVISOR) & (FOR_SOME | FOR_THOSE_WHO_SERVE) == set()
