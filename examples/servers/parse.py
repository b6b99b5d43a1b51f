"""parse-server, a backend for apps with customers in it, over REST and GraphQL. Its records are in a Postgres."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from examples.servers.postgres import Postgres, running_postgres
from examples.servers.process import MODULES, NODE, Server, free_port, started

PARSE = MODULES / ".bin" / "parse-server"
APPLICATION, REST_KEY = "customers-app", "rest-key-of-the-example"
SOME_CUSTOMERS = (
    {"name": "Ada Mensah", "email": "ada@example.com", "city": "Accra"},
    {"name": "Bruno Keller", "email": "bruno@example.com", "city": "Basel"},
    {"name": "Chiyo Tanaka", "email": "chiyo@example.com", "city": "Kobe"},
    {"name": "Dalia Haddad", "email": "dalia@example.com", "city": "Amman"},
    {"name": "Emil Sørensen", "email": "emil@example.com", "city": "Aarhus"},
)
SOON_TOO_MANY = {
    "requestPath": "/functions/*path",
    "requestTimeWindow": 10_000,
    "requestCount": 2,
    "includeInternalRequests": True,
    "errorResponseMessage": "Too many requests",
}


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a parse-server that holds five customers until the block ends. Raises ServerDidNotStart."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running_postgres() as postgres:
        settings = folder / "parse.json"
        settings.write_text(json.dumps(_settings(folder, port, postgres)))
        with started([NODE, PARSE, settings], folder, f"{url}/parse/health", {"NODE_ENV": "production"}):
            for customer in SOME_CUSTOMERS:
                _create(url, customer)
            yield Server(url, {"server": url, "application": APPLICATION}, {"apiKey": REST_KEY})


@contextmanager
def running_graphql(folder: Path) -> Generator[Server]:
    """Run a parse-server as `running` does, and give the address of its GraphQL API."""
    with running(folder) as server:
        user_data = {"endpoint": f"{server.url}/graphql", "application": APPLICATION}
        yield Server(server.url, user_data, server.credentials)


def _settings(folder: Path, port: int, postgres: Postgres) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/parse"
    return {
        "appId": APPLICATION,
        "masterKey": "master-key-of-the-example",
        "restAPIKey": REST_KEY,
        "databaseURI": "postgres://postgres@localhost/postgres",
        "databaseOptions": {"host": str(postgres.folder)},  # a folder: Postgres listens on a socket there
        "serverURL": url,
        "publicServerURL": url,
        "host": "127.0.0.1",
        "port": port,
        "mountPath": "/parse",
        "allowClientClassCreation": True,
        "mountGraphQL": True,
        "graphQLPath": "/graphql",
        "graphQLPublicIntrospection": True,
        "fileUpload": {"enableForPublic": True},
        "filesAdapter": {"module": "@parse/fs-files-adapter", "options": {"filesSubDirectory": str(folder / "files")}},
        "rateLimit": [SOON_TOO_MANY],
        "cloud": str(_cloud_code(folder)),
        "logsFolder": None,
    }


def _cloud_code(folder: Path) -> Path:
    """Write the one function that is called too often sooner than the rest."""
    code = folder / "cloud.js"
    code.write_text("Parse.Cloud.define('greet', () => 'hello');\n")
    return code


def _create(url: str, customer: dict[str, str]) -> None:
    headers = {
        "X-Parse-Application-Id": APPLICATION,
        "X-Parse-REST-API-Key": REST_KEY,
        "Content-Type": "application/json",
    }
    request = Request(f"{url}/parse/classes/Customer", json.dumps(customer).encode(), headers)  # noqa: S310
    with urlopen(request, timeout=30):  # noqa: S310
        pass
