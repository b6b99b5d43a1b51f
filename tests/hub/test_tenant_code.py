"""Whatever of a tenant is evaluated, is evaluated in a jailed process: a list of all of it, and a canary that tells.

The list is made from the routes, the kinds of operations, the stages of a build and the places that hand work to
workers. Something new fails here until somebody has said what it evaluates, and let the canary sing in it.
"""

from __future__ import annotations

import ast
import json
import os
import socket
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

import jackfield_hub
from jackfield.exchange import Request, Response
from jackfield.manifest import OperationKind
from jackfield.raw_http import RAW_HTTP_REQUEST
from jackfield.runner import Call, Wants
from jackfield_hub.app import ROUTERS
from jackfield_hub.calls.call_path import ROUTE
from jackfield_hub.deployments.install import RESOLVER
from jackfield_hub.deployments.stages import Stage
from jackfield_hub.hub import Hub
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.limits import Limits
from jackfield_hub.sandbox.pool import Bundle, WorkerKey
from tests.hub.connectors import connector_zip, deploy_and_wait
from tests.hub.people import Person
from tests.hub.shop import ThirdParty, third_party
from tests.hub.test_sandbox_faults import processes_below
from tests.hub.test_sandbox_jail import namespaces_of, status_of

CANARY = """
import json, os, socket
from jackfield import Connector

def song() -> str:
    try:
        socket.socket().close()
        is_free = True
    except OSError:
        is_free = False
    return json.dumps({"pid": os.getpid(), "uid": os.getuid(), "host": socket.gethostname(), "is_free": is_free})

acme = Connector(BASE_URL)
"""

OPERATIONS = """
from dataclasses import dataclass
from jackfield import Choice, Http
from acme.connector import acme, song

@dataclass
class Nothing:
    pass

@acme.operation(description=song())
def sing(nothing: Nothing) -> dict:
    return {"song": song()}

@acme.choices
def songs_ddl(nothing: Nothing) -> list[Choice]:
    return [Choice(text=song(), value="1")]

@acme.private(name="#token_request")
def token_request(nothing: Nothing) -> dict:
    return {"song": song()}

@acme.operation
def shapes(nothing: Nothing) -> dict:
    return {}

@acme.output_schema_of(shapes)
def shapes_output_schema(nothing: Nothing) -> dict:
    return {"type": "object", "title": song()}

@acme.operation
def ask(nothing: Nothing, http: Http) -> dict:
    return http.get("/1", headers={"X-Song": song()}).json()
"""


@pytest.fixture
async def shop() -> AsyncGenerator[ThirdParty]:
    async with third_party() as shop:
        yield shop


@pytest.fixture
async def canary(alice: Person, shop: ThirdParty) -> Person:
    """Alice, who has deployed the canary."""
    files = {
        "acme/connector.py": CANARY.replace("BASE_URL", repr(shop.url)),
        "acme/operations/say.py": OPERATIONS,
    }
    deployment = await deploy_and_wait(alice, connector_zip(files=files))
    assert deployment["deploymentStatus"] == "Deployed", deployment
    return alice


def is_elsewhere(song: str) -> bool:
    """Return whether this was sung in a jail and not here."""
    sung: dict[str, Any] = json.loads(song)
    here = {"pid": os.getpid(), "uid": os.getuid(), "host": socket.gethostname()}
    is_other_user = sung["uid"] != here["uid"] or os.getuid() != 0
    is_other_host = sung["host"] == "worker"  # R1, which is where these tests run
    return not sung["is_free"] and is_other_user and is_other_host


async def call(person: Person, operation: str, given: Any = None, **more: Any) -> Any:
    asked = {"operation": operation, "input": given or {}, **more}
    answer = await person.post("/core/v1/connectors/acme/versions/1.0/call", asked)
    assert answer.json["outcome"] == "success", answer.json
    return answer.json["output"]


# What the features are, and the test below that lets the canary sing in each.

KINDS = {
    OperationKind.PUBLIC: "test_operations_run_in_the_jail",
    OperationKind.DDL: "test_choices_are_made_in_the_jail",
    OperationKind.PRIVATE: "test_private_operations_run_in_the_jail",
}
WANTS = {
    Wants.OUTPUT: "test_operations_run_in_the_jail",
    Wants.OUTPUT_SCHEMA: "test_output_schemas_are_made_in_the_jail",
}
# Operations that look like a connector's and are ours: nothing of a tenant is evaluated, so no worker is asked.
RUN_IN_THE_HUB = {RAW_HTTP_REQUEST: "test_the_raw_operation_is_run_without_any_code_of_the_connector"}
STAGES = {
    Stage.UNPACK: "",  # files are written as they are
    Stage.CHECK: "",  # pyproject.toml is parsed as data
    Stage.INSTALL: "test_dependencies_are_resolved_in_the_jail",
    Stage.DESCRIBE: "test_a_connector_is_described_in_the_jail",
    Stage.STORE: "",  # files are moved
    Stage.PUBLISH: "",  # the manifest was checked as data
}
HANDS_WORK_TO_WORKERS = {
    "calls/service.py": "test_operations_run_in_the_jail",
    "auths/token_operation.py": "test_private_operations_run_in_the_jail",
    "deployments/build.py": "test_a_connector_is_described_in_the_jail",
    "deployments/install.py": "test_dependencies_are_resolved_in_the_jail",
    "sandbox/self_test.py": "",  # our own attacks
    "calls/large_input.py": "",  # our own code; it is there because checking takes long
}
# Places that run code they are given the name of: only the inside of a worker and the zygote may.
RUNS_NAMED_CODE = {"sandbox/boot.py", "sandbox/warm.py", "database.py", "migrations/env.py"}

RUNS_A_CONNECTOR = {
    f"POST {ROUTE}",
    "POST /internal/v1/connectors/{name}/versions/{version}/deployments/deploy-connector-from-source",
    "POST /cdk/v1/deployments/{name}/versions/{version}/deploy-connector-from-source",
    "POST /cdk/v1/deployments/connectors/{name}/versions/{version}/deploy-connector-from-source",
    "POST /graphql",  # callConnector, by the service behind the call path
    "POST /core/v1/authentications",  # a token operation may get the first token
    "PUT /core/v1/authentications/{auth_id}",
    "POST /external/auth/dialogs/{dialog_id}",
    "GET /oauth2/token",
}
EVALUATES_NOTHING = {
    line.strip()
    for line in """
    GET /core/v1/connectors
    GET /core/v1/connectors/{name}/versions/{version}/operations
    GET /core/v1/services/{name}/versions/{version}/environments
    GET /v1/services
    POST /v1/services
    GET /v1/services/{name}/versions/{version}
    PUT /v1/services/{name}/versions/{version}
    DELETE /v1/services/{name}/versions/{version}
    GET /sign-in/password
    POST /sign-in/password
    PUT /v1/me/password
    POST /v1/services/{name}/versions/{version}/environments
    PUT /v1/services/{name}/versions/{version}/environments/{environment_id}
    GET /core/v1/authentications/{auth_id}
    GET /core/v1/authentications/{auth_id}/full
    DELETE /core/v1/authentications/{auth_id}
    GET /external/auth/create/{partner_name}
    GET /external/auth/edit/{partner_name}/{auth_id}
    GET /external/auth/dialogs/{dialog_id}
    POST /external/auth/dialogs/{dialog_id}/service
    POST /external/auth/dialogs/{dialog_id}/cancel
    GET /external/auth/static/{name}
    GET /internal/v1/connectors/{name}/versions/{version}/deployments/{deployment_id}
    GET /cdk/v1/deployments/{name}/versions/{version}/{deployment_id}
    GET /cdk/v1/deployments/connectors/{name}/versions/{version}/{deployment_id}
    POST /internal/v1/connectors/{name}/versions/{version}/permissions/share-with-emails
    POST /cdk/v1/permissions/connectors/{name}/versions/{version}/share-with-emails
    POST /internal/v1/connectors/{name}/versions/{version}/permissions/share-with-workspaces
    POST /cdk/v1/permissions/connectors/{name}/versions/{version}/share-with-workspaces
    GET /internal/v1/connectors/{name}/versions/{version}/permissions
    GET /cdk/v1/permissions/connectors/{name}/versions/{version}
    DELETE /v1/connectors/{name}/versions/{version}/permissions/{email}
    GET /v1/calls
    GET /v1/calls/{call_id}
    GET /metrics
    POST /v1/files
    GET /v1/files/{file_id}
    HEAD /v1/files/{file_id}
    DELETE /v1/files/{file_id}
    GET /v1/usage
    GET /v1/connectors/{name}/versions/{version}/log
    GET /v1/me
    POST /v1/api-users
    GET /v1/tokens
    POST /v1/tokens
    DELETE /v1/tokens/{token_id}
    GET /v1/organizations/{organization_id}/namespace
    POST /v1/organizations/{organization_id}/namespace
    GET /core/v1/roles
    GET /core/v1/users
    POST /core/v1/users
    GET /core/v1/users/{user_id}
    DELETE /core/v1/users/{user_id}
    PUT /core/v1/users/{user_id}/roles
    POST /core/v1/invites
    POST /v1/invites/{invite_id}/link
    POST /v1/invites/accept
    GET /core/v1/workspaces
    POST /v1/workspaces
    GET /core/v1/workspaces/{workspace_id}
    GET /core/v1/workspaces/{workspace_id}/roles
    GET /core/v1/workspaces/{workspace_id}/users
    POST /core/v1/workspaces/{workspace_id}/users
    GET /core/v1/workspaces/{workspace_id}/users/{user_id}
    PUT /core/v1/workspaces/{workspace_id}/users/{user_id}
    DELETE /core/v1/workspaces/{workspace_id}/users/{user_id}
    POST /v1/sessions
    GET /v1/session
    DELETE /v1/session
    GET /sign-in
    POST /sign-in
    GET /sign-in/openid
    GET /sign-in/openid/callback
    POST /sign-out
    GET /healthz
    GET /readyz
    GET /docs/
    GET /
    GET /docs
    GET /docs/start.js
    GET /docs/{name}
    """.strip().split("\n")
}


def places(found: Any) -> set[str]:
    """Return the files of the hub that hold a node of code like this."""
    root = Path(jackfield_hub.__file__).parent
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "attacks" not in path.parts and "resolver" not in path.parts
        if any(found(node) for node in ast.walk(ast.parse(path.read_text())))
    }


def hands_work_to_workers(node: ast.AST) -> bool:
    """`….workers.call(…)`, `pool.describe(…)` and the like."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    on = ast.unparse(node.func.value)
    return node.func.attr in ("call", "call_once", "describe") and on.rpartition(".")[2] in ("workers", "pool")


def runs_named_code(node: ast.AST) -> bool:
    names = {"exec", "eval", "compile", "__import__", "import_module", "run_path", "run_module", "exec_module"}
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        # re.compile and a statement's compile read no code of anybody
        return node.func.attr in names - {"compile", "eval", "exec"}
    return isinstance(node.func, ast.Name) and node.func.id in names


def test_every_kind_of_operation_wish_and_stage_has_a_canary():
    assert set(KINDS) == set(OperationKind)
    assert set(WANTS) == set(Wants)
    assert set(STAGES) == set(Stage)
    for name in {
        *KINDS.values(),
        *WANTS.values(),
        *STAGES.values(),
        *HANDS_WORK_TO_WORKERS.values(),
        *RUN_IN_THE_HUB.values(),
    } - {""}:
        assert name in globals(), name


def test_every_place_that_hands_work_to_workers_has_a_canary():
    assert places(hands_work_to_workers) == set(HANDS_WORK_TO_WORKERS)


def test_nothing_else_runs_code_it_was_given_the_name_of():
    assert places(runs_named_code) <= RUNS_NAMED_CODE


def test_every_route_says_what_it_evaluates():
    known = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    routes = {f"{method} {route.path}" for route in known for method in route.methods or ()}

    assert routes - RUNS_A_CONNECTOR - EVALUATES_NOTHING == set()


async def test_operations_run_in_the_jail(canary: Person, shop: ThirdParty):
    assert is_elsewhere((await call(canary, "sing"))["song"])
    assert await call(canary, "ask")


async def test_choices_are_made_in_the_jail(canary: Person):
    [choice] = (await call(canary, "songs_ddl"))["result"]

    assert is_elsewhere(choice["text"])


async def test_output_schemas_are_made_in_the_jail(canary: Person):
    schema = (await call(canary, "shapes", returnOutputSchema=True))["output_schema"]

    assert is_elsewhere(schema["title"])


async def test_private_operations_run_in_the_jail(canary: Person, hub: Hub):
    [folder] = hub.bundles.folder.iterdir()
    bundle = Bundle(folder, "acme", f"sha256:{folder.name}")

    async def send(request: Request) -> Response:
        raise AssertionError

    key = WorkerKey(canary.organization_id, "acme~1.0", bundle.digest)
    outcome = await hub.workers.call(key, bundle, Call("#token_request", {}), send, time.monotonic() + 20)

    assert is_elsewhere(json.loads(outcome.output)["song"])


async def test_the_raw_operation_is_run_without_any_code_of_the_connector(alice: Person, shop: ThirdParty, hub: Hub):
    files = {"acme/connector.py": CANARY.replace("BASE_URL", repr(shop.url)), "acme/operations/say.py": OPERATIONS}
    deployed = await deploy_and_wait(alice, connector_zip(files=files, rawHttp={"enabled": True}))
    assert deployed["deploymentStatus"] == "Deployed", deployed
    before = hub.workers.counters["started"]

    asked = {"method": "GET", "url": {"endpoint": "/1"}, "body": {"none": None}}
    answer = await call(alice, RAW_HTTP_REQUEST, asked)

    assert answer["status"] == 200
    assert hub.workers.counters["started"] == before


async def test_a_connector_is_described_in_the_jail(canary: Person):
    operations = (await canary.get("/core/v1/connectors/acme/versions/1.0/operations")).json["elements"]

    [description] = [operation["description"] for operation in operations if operation["name"] == "sing"]
    assert is_elsewhere(description)


async def test_dependencies_are_resolved_in_the_jail(hub: Hub):
    seen: list[set[str]] = []

    async def send(request: Request) -> Response:
        [worker] = [pid for pid in processes_below(hub.workers.first_pid or 0) if status_of(pid)["Seccomp"] == "2"]
        seen.append(namespaces_of(worker) & namespaces_of("self"))
        return Response(404)

    asked = Call("resolve", {"requirements": ["anything"], "tags": ["py3-none-any"]}, "https://index.example/simple")
    await hub.workers.call_once(RESOLVER, asked, send, time.monotonic() + 20, Limits())

    assert hub.confinement.rung is Rung.NAMESPACES
    assert seen == [set()]


async def test_every_worker_that_lives_is_confined(canary: Person, hub: Hub):
    await call(canary, "sing")

    workers = [pid for pid in processes_below(hub.workers.first_pid or 0) if status_of(pid)["Seccomp"] == "2"]
    assert workers
    for worker in workers:
        assert namespaces_of(worker) & namespaces_of("self") == set()
        assert status_of(worker)["NoNewPrivs"] == "1"
