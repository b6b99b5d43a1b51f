"""Hubs to be measured: token, input schema, credentials, egress policy, jail and ledger all on."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.variants import Case, Variant, free_port
from examples.local_hub import Hub, running_hub
from examples.servers.postgres import running_postgres
from jackfield.project import open_project

CONNECTORS = [Path(__file__).parent / name for name in ("echo", "echo_async")]
DECLARATIVE, THREADS, ASYNC = "declarative", "code, threads", "code, async def"
KEY = "sk_bench_5hQ0vWm3bY9kL2xR8tJ4"
DIFFERENT_CALLS = 64


@dataclass(frozen=True)
class RunningHub:
    """A hub with the connectors of the bench deployed."""

    hub: Hub
    processes: tuple[int, ...]  #: of which all others come: the hub's first, then its database's
    port: int
    auths: dict[Case, str]  #: by how the third party they lead to answers
    note: str = ""  #: what is special about it

    @classmethod
    def of(cls, hub: Hub, process: int, third_party: int) -> RunningHub:
        """Return a hub somebody else has started and deployed to; auths are made."""
        return cls(hub, (process,), int(hub.url.rpartition(":")[2]), _create_auths(hub, third_party))

    def variant(self, name: str, connector: str, operation: str) -> Variant:
        path = f"/core/v1/connectors/{connector}/versions/1.0/call"
        return Variant(
            name=f"{name}{self.note}",
            processes=self.processes,
            port=self.port,
            paths=dict.fromkeys(Case, path),
            bodies={case: [self._body(case, operation, number) for number in range(DIFFERENT_CALLS)] for case in Case},
            headers={"Authorization": f"Bearer {self.hub.master_token}", "Content-Type": "application/json"},
            count_tasks=lambda: int(self.hub.ask("GET", "/v1/usage")["tasks"]),
        )

    def variants(self) -> list[Variant]:
        return [
            self.variant(DECLARATIVE, "echo", "raw_http_request"),
            self.variant(THREADS, "echo", "get_thing"),
            self.variant(ASYNC, "echo-async", "get_thing"),
        ]

    def _body(self, case: Case, operation: str, number: int) -> str:
        given = {"thing_id": f"thing-{number}", "limit": 10}
        if operation == "raw_http_request":
            endpoint = {"endpoint": f"/things/thing-{number}"}
            given = {"method": "GET", "url": endpoint, "queryParams": {"limit": 10}, "body": {"none": None}}
        return json.dumps({"operation": operation, "input": given, "authId": self.auths[case]})


@contextmanager
def running(folder: Path, third_party: int, database: str = "sqlite", processes: int = 1) -> Generator[RunningHub]:
    """Run a hub until the block ends, on a database of its own: "sqlite" or "postgres"."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        settings: dict[str, str] = {"JACKFIELD_PROCESSES": str(processes)}
        roots: tuple[int, ...] = ()
        if database == "postgres":
            server = stack.enter_context(running_postgres(durable=True))
            settings["JACKFIELD_DATABASE"] = server.new_database()
            roots = _roots_of(server.folder)
        port = free_port()
        with with_environment(settings):
            hub, process = stack.enter_context(running_hub(folder, port))
        for connector in CONNECTORS:
            hub.deploy(open_project(connector))
        note = f", {processes} processes" if processes > 1 else ""
        yield RunningHub(hub, (process.pid, *roots), port, _create_auths(hub, third_party), note)


def _create_auths(hub: Hub, third_party: int) -> dict[Case, str]:
    environments = hub.ask("GET", "/core/v1/services/echo/versions/1/environments")["elements"]
    auth = {"name": "bench", "serviceEnvironmentId": environments[0]["id"], "credentials": {"apiKey": KEY}}
    servers = {case: {"server": f"http://127.0.0.1:{third_party}{case}"} for case in Case}
    return {
        case: hub.ask("POST", "/core/v1/authentications", {**auth, "userData": server})["id"]
        for case, server in servers.items()
    }


@contextmanager
def with_environment(settings: dict[str, str]) -> Generator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _roots_of(folder: Path) -> tuple[int, ...]:
    """Return the process of the Postgres server whose files are in this folder."""
    return (int((folder / "data" / "postmaster.pid").read_text().split()[0]),)
