"""`jackfield connectors …`: what a hub offers, and calling it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from jackfield.cli.lazy import Noun
from jackfield.cli.mistakes import FAILURE, CommandFailed
from jackfield.cli.options import as_json_option, files_option, input_option, profile_option
from jackfield.cli.profiles import open_hub
from jackfield.cli.terminal import print_json, print_table, say, working
from jackfield.exchange import JsonObject
from jackfield.hub_client import HubClient

WHAT_THERE_IS = "jackfield connectors list, and jackfield connectors operations NAME, show what there is"


@click.group(cls=Noun)
def connectors() -> None:
    """See which connectors a hub offers, and call them."""


@connectors.command("list")
@profile_option
@as_json_option
def list_connectors(profile: str | None, as_json: bool) -> None:
    """List the connectors you may see, one line a version."""
    with open_hub(profile) as hub, working("Asking the hub"):
        found = hub.list_connectors()
    found.sort(key=lambda one: (one["name"], version_key(one["version"])))
    if as_json:
        print_json({"elements": found})
    elif found:
        rows = [(one["name"], one["version"], one["title"], one["description"]) for one in found]
        print_table(("name", "version", "title", "description"), rows)
    else:
        say("The hub has no connector for you yet. Next: jackfield deployment create")


@connectors.command()
@click.argument("name")
@click.argument("version", required=False)
@profile_option
@as_json_option
def operations(name: str, version: str | None, profile: str | None, *, as_json: bool) -> None:
    """List what a connector can do. Without VERSION: of its newest one. With --json: with every schema."""
    with open_hub(profile, WHAT_THERE_IS) as hub, working("Asking the hub"):
        chosen = version or newest_version(hub, name)
        found = hub.list_operations(name, chosen)
    if as_json:
        print_json({"elements": found})
    else:
        rows = [(one["name"], _inputs(one["inputSchema"]), one["description"]) for one in found]
        print_table(("operation", "input (* required)", "description"), rows)
        say(f"Next: jackfield connectors call {name} {chosen} OPERATION --input '{{…}}'")


class Word(click.Argument):
    """An argument whose place the usage line tells in its own way; `called` is its name in errors."""

    def __init__(self, *args: Any, called: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, metavar="")
        self.called = called

    def get_error_hint(self, ctx: click.Context | None) -> str:
        return f"'{self.called}'"


@connectors.command(options_metavar="NAME [VERSION] OPERATION [OPTIONS]")
@click.argument("name", cls=Word, called="NAME")
@click.argument("version_or_operation", cls=Word, called="OPERATION")
@click.argument("operation", metavar="", required=False)
@input_option
@files_option
@click.option("--auth", "auth_id", metavar="ID", help="The id of the auth to sign in with.")
@click.option("--output-schema", is_flag=True, help="Ask which output this input would give, instead of running it.")
@profile_option
@as_json_option
@click.pass_context
def call(
    ctx: click.Context,
    *,
    name: str,
    version_or_operation: str,
    operation: str | None,
    values: JsonObject,
    files: tuple[tuple[str, Path], ...],
    auth_id: str | None,
    output_schema: bool,
    profile: str | None,
    as_json: bool,
) -> None:
    """Run one operation on the hub, and print its outcome as JSON. Without VERSION: of the newest one."""
    body: JsonObject = {"operation": operation or version_or_operation, "input": values}
    if auth_id:
        body["authId"] = auth_id
    if output_schema:
        body["returnOutputSchema"] = True
    if_missing = f"{WHAT_THERE_IS}; --auth wants the id of an authentication of yours" if auth_id else WHAT_THERE_IS
    with open_hub(profile, if_missing) as hub, working(f"Calling {body['operation']}"):
        version = version_or_operation if operation else newest_version(hub, name)
        body["input"] = {**values, **{field: hub.send_file(path) for field, path in files}}
        outcome = hub.call(name, version, body)
    print_json(outcome)
    if outcome.get("outcome") != "success":
        say(f"The call did not succeed: {_message(outcome)}", fg="red")
        ctx.exit(FAILURE)


@connectors.command()
@click.argument("name")
@click.argument("version", required=False)
@profile_option
@as_json_option
def log(name: str, version: str | None, profile: str | None, *, as_json: bool) -> None:
    """Show what a connector of yours printed lately, and how its code failed. Without VERSION: of its newest one."""
    with open_hub(profile, WHAT_THERE_IS) as hub, working("Asking the hub"):
        found = hub.read_log(name, version or newest_version(hub, name))
    if as_json:
        print_json({"elements": found})
    elif not found:
        say("Nothing was printed and nothing failed since the hub was started.")
    for entry in () if as_json else reversed(found):
        click.echo(f"{entry['at']} {entry['operation']} {entry['outcome']} {entry['requestId']}")
        click.echo(entry["text"].rstrip() + "\n")


def newest_version(hub: HubClient, name: str) -> str:
    """Return the highest version the hub offers. Raises CommandFailed when it has no such connector."""
    versions = [one["version"] for one in hub.list_connectors() if one["name"] == name]
    if not versions:
        raise CommandFailed(f"the hub has no connector {name} for you", "jackfield connectors list shows what there is")
    return max(versions, key=version_key)


def version_key(version: str) -> tuple[int, ...]:
    """Return what versions are ordered by: 1.10 is newer than 1.9."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def _inputs(schema: JsonObject) -> str:
    """Return the names of the inputs, `order_id*, reason`."""
    required = schema.get("required", [])
    return ", ".join(f"{name}*" if name in required else name for name in schema.get("properties", {}))


def _message(outcome: JsonObject) -> str:
    output: Any = outcome.get("output", {})
    return cast("JsonObject", output).get("message", "") if isinstance(output, dict) else str(output)
