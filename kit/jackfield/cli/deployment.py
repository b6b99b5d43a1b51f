"""`jackfield deployment …`: bring a connector to a hub, and see how it is doing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from jackfield.cli.lazy import Noun
from jackfield.cli.mistakes import FAILURE, CommandFailed
from jackfield.cli.options import as_json_option, profile_option
from jackfield.cli.profiles import chosen_login, open_hub
from jackfield.cli.terminal import print_json, say, working
from jackfield.exchange import JsonObject
from jackfield.hub_client import HubClient, HubUnreachable

DEPLOYING, DEPLOYED = "Deploying", "Deployed"
LATEST, FIRST_VERSION = "latest", "1.0"
IF_MISSING = "leave out the id for the latest deployment; jackfield connectors list shows what is deployed"


@click.group(cls=Noun)
def deployment() -> None:
    """Bring a connector to a hub, and see how it is doing."""


@deployment.command()
@click.option("--wait", is_flag=True, help="Wait until it is deployed or has failed.")
@click.option("--wait-seconds", default=600, show_default=True, help="How long --wait waits at most, in seconds.")
@click.option("--skip-tests", is_flag=True, help="Do not run the connector's tests first.")
@profile_option
@as_json_option
@click.pass_context
def create(
    ctx: click.Context, *, wait: bool, wait_seconds: int, skip_tests: bool, profile: str | None, as_json: bool
) -> None:
    """Test and build the connector of this folder, and hand it to the hub."""
    from jackfield.cli import environment, workbench

    project = workbench.here()
    environment.use_own_environment(ctx, project.folder)
    chosen_login(profile)  # nobody wants to learn after a minute of tests that they are not logged in
    if not skip_tests:
        workbench.check_tests(project.folder)
    say("Connector Build Started")
    _, archive = workbench.build(project)
    say("Connector Build Finished", fg="green")
    name, version = project.metadata.name, project.metadata.version
    with open_hub(profile) as hub:
        with working("Starting Connector Deployment"):
            state = hub.deploy(name, version, archive)
        _say_accepted(state)
        if wait:
            state = _wait(hub, state, wait_seconds)
    _finish(ctx, state, is_final=wait, as_json=as_json)


@deployment.command()
@click.argument("name", required=False)
@click.argument("version", required=False)
@click.argument("deployment_id", metavar=f"[ID|{LATEST}]", required=False, default=LATEST)
@profile_option
@as_json_option
@click.pass_context
def get(
    ctx: click.Context, name: str | None, version: str | None, deployment_id: str, profile: str | None, *, as_json: bool
) -> None:
    """Show how a deployment is doing. Without NAME and VERSION: of the connector in this folder."""
    name, version = name_and_version(name, version)
    with open_hub(profile, IF_MISSING) as hub, working("Checking the connector deployment status"):
        state = hub.deployment(name, version, deployment_id)
    _finish(ctx, state, is_final=False, as_json=as_json)


def name_and_version(name: str | None, version: str | None) -> tuple[str, str]:
    """Return which connector is meant: the one that was named, else the one in this folder."""
    from jackfield.cli import workbench

    if name is not None:
        return name, version or FIRST_VERSION
    metadata = workbench.here().metadata
    return metadata.name, metadata.version


def _say_accepted(state: JsonObject) -> None:
    if state.get("repeatDeployment"):
        say(f"{_what(state)} is being deployed already; this is about that deployment.", fg="yellow")
        return
    say("Connector Deploy Request Sent", fg="green")


def _wait(hub: HubClient, state: JsonObject, seconds: int) -> JsonObject:
    """Ask until the deployment is over. Raises CommandFailed when that takes too long."""
    started = time.monotonic()
    with working(f"Deploying {_what(state)}"):
        for pause in _pauses():
            if state.get("deploymentStatus") != DEPLOYING:
                return state
            if time.monotonic() - started > seconds:
                break
            time.sleep(pause)
            state = _ask_again(hub, state)
    raise CommandFailed(f"it is still being deployed after {seconds} seconds", _look_later(state))


def _ask_again(hub: HubClient, state: JsonObject) -> JsonObject:
    try:
        return hub.deployment(state["connectorName"], state["connectorVersion"], state["id"])
    except HubUnreachable:
        return state  # a hub that restarts goes on with its deployments; the time limit is ours


def _pauses() -> Iterator[float]:
    """Give seconds to wait: short at first, then every two."""
    pause = 0.1
    while True:
        yield pause
        pause = min(pause * 1.5, 2.0)


def _finish(ctx: click.Context, state: JsonObject, *, is_final: bool, as_json: bool) -> None:
    if as_json:
        print_json(state)
    status = state.get("deploymentStatus")
    if status == DEPLOYED:
        say(f"Connector Deployed Successfully! {_what(state)} answers calls.", fg="green")
        say(f"Next: jackfield connectors operations {_what(state)}")
    elif status == DEPLOYING and not is_final:
        say(f"{_what(state)} is being deployed. Deployment ID: {state.get('id')}")
        say(f"Next: {_look_later(state)}")
    else:
        say(f"Connector Deploy Failed: {_why(state)}", fg="red")
        ctx.exit(FAILURE)


def _what(state: JsonObject) -> str:
    return f"{state.get('connectorName')} {state.get('connectorVersion')}"


def _why(state: JsonObject) -> str:
    """Return what the hub says in `errors`, `[{"step": "install", "message": "…"}]`; it need not say anything."""
    errors: list[JsonObject] = state.get("errors") or []
    said = [f"{error['step']}: {error['message']}" for error in errors]
    return "; ".join(said) or "the hub does not say why; ask whoever runs it"


def _look_later(state: JsonObject) -> str:
    return f"jackfield deployment get {_what(state)} {state.get('id')}"
