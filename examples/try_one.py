"""What `make try EXAMPLE=name` does: tests one example offline, deploys it to a hub and calls it on the real server."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from jackfield.manifest import Metadata
from jackfield.project import Project, open_project

from examples.local_hub import CannotGoOn, Hub, exit_status, running_hub
from examples.servers.process import Server, free_port

HERE = Path(__file__).resolve().parent
SHOWN_CHARACTERS = 1_000


@dataclass(frozen=True)
class Call:
    """Calls operations of a connector that is deployed."""

    hub: Hub
    connector: Metadata
    auth_id: str | None

    def __call__(self, operation: str, /, **given: Any) -> Any:
        """Run an operation and return its output. Raises CannotGoOn when the outcome is an error."""
        answer = self.hub.call(self.connector, operation, given, self.auth_id)
        _say(f"\n{operation} {json.dumps(given, ensure_ascii=False)}"[:SHOWN_CHARACTERS])
        _say(json.dumps(answer["output"], indent=2, ensure_ascii=False)[:SHOWN_CHARACTERS])
        if answer["outcome"] != "success":
            raise CannotGoOn(f"{operation} did not work: see its output above.")
        return answer["output"]

    def signed_in_as(
        self, environment: Mapping[str, Any], user_data: Mapping[str, str], credentials: Mapping[str, Any]
    ) -> Call:
        """Give calls with an auth of another environment of the service."""
        auth_id = self.hub.create_auth(self.connector, Server("", user_data, credentials, environment))
        return Call(self.hub, self.connector, auth_id)

    def file(self, name: str, content: bytes, mime_type: str = "application/octet-stream") -> Any:
        """Give the hub a file; return the reference to it, which is what inputs hold."""
        return self.hub.send_file(name, content, mime_type)


class Try(Protocol):
    """What a module of `examples.tries` has."""

    running: Callable[[Path], AbstractContextManager[Server]] | None

    @staticmethod
    def show(call: Call) -> None: ...


def names() -> list[str]:
    """Return the examples that can be tried, for example `["customers", "docker-registry"]`."""
    return sorted(file.stem.replace("_", "-") for file in (HERE / "tries").glob("[a-z]*.py"))


def try_one(name: str) -> None:
    """Test, deploy and call one example. Raises CannotGoOn and ServerDidNotStart."""
    project = open_project(HERE / name)
    tried = cast("Try", import_module(f"examples.tries.{name.replace('-', '_')}"))
    _test_offline(project)
    with tempfile.TemporaryDirectory(prefix="jackfield-try-") as folder, _running(tried, Path(folder)) as server:
        _say("Starting a hub")
        data = Path(folder) / "hub"
        data.mkdir(mode=0o711)
        Path(folder).chmod(0o711)  # workers of a root hub pass through; nobody else reads it
        with running_hub(data, free_port()) as (hub, _):
            _say(f"Deploying examples/{name}")
            hub.deploy(project)
            auth_id = hub.create_auth(project.metadata, server) if server else None
            tried.show(Call(hub, project.metadata, auth_id))
    _say(f"{project.metadata.title}: everything worked")


def _test_offline(project: Project) -> None:
    _say("Testing it without the network")
    done = subprocess.run(  # noqa: S603
        [Path(sys.executable).with_name("jackfield"), "connector", "test"], cwd=project.folder, check=False
    )
    if done.returncode:
        raise CannotGoOn("Its own tests fail: see above.")


@contextmanager
def _running(tried: Try, folder: Path) -> Generator[Server | None]:
    if tried.running is None:
        yield None
        return
    _say("Starting the real server")
    with tried.running(folder / "server") as server:
        yield server


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("name", choices=names(), help="which example")
    name = arguments.parse_args().name
    return exit_status(lambda: try_one(name))


if __name__ == "__main__":
    sys.exit(main())
