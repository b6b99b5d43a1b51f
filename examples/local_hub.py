"""Run a hub on this machine and speak to it over its public API, as a client of yours would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from jackfield.manifest import Metadata
from jackfield.project import Project, pack

from examples.servers.process import Server, ServerDidNotStart, stop

START_SECONDS = 60
DEPLOY_SECONDS = 120


class CannotGoOn(Exception):
    """A step did not work; the message says which and where to look."""


class Hub:
    """A running hub, spoken to over its public HTTP API."""

    def __init__(self, url: str, tokens: dict[str, str]) -> None:
        self.url = url
        self.master_token = tokens["masterToken"]
        self.api_token = tokens["apiToken"]

    def ask(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """Return the answer's JSON. Raises HTTPError for every status that is not 2xx."""
        request = Request(  # noqa: S310
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Authorization", f"Bearer {token or self.master_token}")
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=DEPLOY_SECONDS) as answer:  # noqa: S310
            return json.load(answer)

    def send_file(self, name: str, content: bytes, mime_type: str) -> Any:
        """Keep a file on the hub; return the reference to it."""
        request = Request(f"{self.url}/v1/files?{urlencode({'name': name})}", content, method="POST")  # noqa: S310
        request.add_header("Authorization", f"Bearer {self.master_token}")
        request.add_header("Content-Type", mime_type)
        with urlopen(request, timeout=DEPLOY_SECONDS) as answer:  # noqa: S310
            return json.load(answer)

    def deploy(self, project: Project) -> None:
        """Deploy a connector and wait until it answers calls. Raises CannotGoOn."""
        name, version = project.metadata.name, project.metadata.version
        path = f"/cdk/v1/deployments/connectors/{name}/versions/{version}"
        source = {"connectorSourceCode": b64encode(pack(project)).decode()}
        deployment = self.ask("POST", f"{path}/deploy-connector-from-source", source, token=self.api_token)
        give_up_at = time.monotonic() + DEPLOY_SECONDS
        while deployment["deploymentStatus"] == "Deploying" and time.monotonic() < give_up_at:
            time.sleep(0.2)
            deployment = self.ask("GET", f"{path}/{deployment['id']}", token=self.api_token)
        if deployment["deploymentStatus"] != "Deployed":
            raise CannotGoOn(f"The deployment did not work: {json.dumps(deployment, indent=2)}")

    def has_auth(self, auth_id: str) -> bool:
        try:
            self.ask("GET", f"/core/v1/authentications/{auth_id}")
        except HTTPError:
            return False
        return True

    def create_auth(self, connector: Metadata, server: Server) -> str:
        """Store what it takes to sign in to this server; return the id of the auth."""
        auth = {
            "name": f"{connector.title} on this machine",
            "serviceEnvironmentId": self._environment(connector, server),
            "userData": server.user_data,
            "credentials": server.credentials,
        }
        return self.ask("POST", "/core/v1/authentications", auth)["id"]

    def _environment(self, connector: Metadata, server: Server) -> str:
        """Return the id of the service environment for this server."""
        service = f"services/{connector.service.name}/versions/{connector.service.version}/environments"
        if server.environment is not None:
            return self.ask("POST", f"/v1/{service}", server.environment)["id"]
        return self.ask("GET", f"/core/v1/{service}")["elements"][0]["id"]

    def call(
        self, connector: Metadata, operation: str, given: Mapping[str, Any], auth_id: str | None = None
    ) -> dict[str, Any]:
        """Run an operation; return its outcome and output as the hub answers them."""
        body = {"operation": operation, "input": given, **({"authId": auth_id} if auth_id else {})}
        return self.ask("POST", f"/core/v1/connectors/{connector.name}/versions/{connector.version}/call", body)


@contextmanager
def running_hub(data: Path, port: int) -> Generator[tuple[Hub, subprocess.Popen[bytes]]]:
    """Run `jackfield serve` until the block ends. Raises CannotGoOn when it does not come up."""
    log = data / "hub.log"
    # The Kinto of this example lives on loopback, which a hub does not let connectors reach unless it is told to.
    environment = {**os.environ, "JACKFIELD_ALLOWED_NETWORKS": "127.0.0.0/8"}
    command = [Path(sys.executable).with_name("jackfield"), "serve", "--data", data / "hub", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process, log)
        yield Hub(url, json.loads((data / "hub" / "tokens.json").read_text())), process
    finally:
        stop(process)


def exit_status(run: Callable[[], None]) -> int:
    """Run something that may not get to its end; say why in one line, and return what the command ends with."""
    try:
        run()
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
    except (CannotGoOn, ServerDidNotStart) as reason:
        print(reason, file=sys.stderr)
        return 1
    except HTTPError as refusal:
        print(f"{refusal.url} answered {refusal.code}: {refusal.read().decode(errors='replace')}", file=sys.stderr)
        return 1
    return 0


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            with urlopen(f"{url}/readyz", timeout=5):  # noqa: S310
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise CannotGoOn(f"The hub did not start; it says why in {log}:\n{log.read_text(errors='replace')[-2000:]}")
