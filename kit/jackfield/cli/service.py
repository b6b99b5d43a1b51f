"""`jackfield service …`: tell a hub where a third party is, and how one signs in there."""

from __future__ import annotations

from typing import Any, cast

import click

from jackfield.cli.lazy import Noun
from jackfield.cli.mistakes import CommandFailed
from jackfield.cli.options import as_json_option, parse_json, profile_option
from jackfield.cli.profiles import open_hub
from jackfield.cli.terminal import print_json, print_table, say, working
from jackfield.exchange import JsonObject
from jackfield.hub_client import HubClient


class JsonFile(click.ParamType[JsonObject]):
    """A file that holds a JSON object; `-` is stdin."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> JsonObject:
        if isinstance(value, dict):
            return cast("JsonObject", value)
        try:
            with click.open_file(value, "rb") as file:
                read = parse_json(file.read())
        except OSError as mistake:
            self.fail(f"cannot read {value}: {mistake.strerror}", param, ctx)
        except ValueError as mistake:
            self.fail(f"{value} is not JSON: {mistake}", param, ctx)
        service = cast("JsonObject", read) if isinstance(read, dict) else {}
        if not isinstance(service.get("name"), str):
            self.fail(f'{value} must hold an object like {{"name": "acme", "title": "Acme", …}}', param, ctx)
        return writable(service)


def writable(shown: JsonObject) -> JsonObject:
    """Return a service without what only the hub says, so that what `show` prints can be changed and given back."""
    service = {name: value for name, value in shown.items() if name not in ("id", "authenticationType")}
    if isinstance(service.get("environments"), list):
        service["environments"] = [_writable_environment(one) for one in service["environments"]]
    return service


def _writable_environment(shown: JsonObject) -> JsonObject:
    environment = {name: value for name, value in shown.items() if name not in ("id", "hasClientSecret")}
    if isinstance(environment.get("properties"), dict):
        # A masked one is shown as null, and stays as it is when it is left out.
        environment["properties"] = {key: text for key, text in environment["properties"].items() if text is not None}
    return environment


WHAT_THERE_IS = "jackfield service list shows what there is"
from_option = click.option(
    "--from", "wanted", type=JsonFile(), required=True, metavar="FILE", help="The service as JSON; - for stdin."
)


@click.group(cls=Noun)
def service() -> None:
    """Tell a hub where a third party is, and how one signs in there.

    A deployment does that by itself for a service that nobody has set up. Set one up by hand to give it an OAuth app,
    environments and custom properties, or to let the credentials of its authentications go to more hosts.
    """


@service.command()
@from_option
@profile_option
@as_json_option
def create(wanted: JsonObject, profile: str | None, *, as_json: bool) -> None:
    """Register a service from a file: name, version, hosts, sign-in, environments."""
    with open_hub(profile) as hub, working("Registering the service"):
        made = hub.create_service(wanted)
    _show(made, as_json=as_json)
    say(f"Registered. Next: name it in connector.json: {_reference(made)}", fg="green")


@service.command()
@from_option
@profile_option
@as_json_option
def update(wanted: JsonObject, profile: str | None, *, as_json: bool) -> None:
    """Change a service to what a file says. Secrets that the file leaves out stay, and so do environments."""
    name, version = wanted["name"], _version_of(wanted)
    with open_hub(profile, WHAT_THERE_IS) as hub, working("Changing the service"):
        known = hub.service(name, version)
        changed = {field: value for field, value in wanted.items() if field not in ("name", "version", "environments")}
        hub.change_service(name, version, changed)
        for environment in wanted.get("environments", []):
            _put_environment(hub, known, environment)
        made = hub.service(name, version)
    _show(made, as_json=as_json)
    say("Changed. Its authentications are used with these hosts from now on.", fg="green")


@service.command("list")
@profile_option
@as_json_option
def list_services(profile: str | None, *, as_json: bool) -> None:
    """List the services of your organization."""
    with open_hub(profile) as hub, working("Asking the hub"):
        found = hub.list_services()
    if as_json:
        print_json({"elements": found})
    elif found:
        rows = [(one["name"], str(one["version"]), one["title"], one["authenticationType"]) for one in found]
        print_table(("name", "version", "title", "sign-in"), rows)
    else:
        say("The hub has no service yet. Next: jackfield service create --from FILE, or deploy a connector")


@service.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@profile_option
def show(name: str, version: int | None, profile: str | None) -> None:
    """Print a service as JSON, without its secrets. Without VERSION: its newest one."""
    with open_hub(profile, WHAT_THERE_IS) as hub, working("Asking the hub"):
        found = hub.service(name, _newest_version(hub, name) if version is None else version)
    print_json(found)


@service.command()
@click.argument("name")
@click.argument("version", type=int)
@profile_option
def delete(name: str, version: int, profile: str | None) -> None:
    """Forget a service that no authentication and no connector uses any more."""
    with open_hub(profile, WHAT_THERE_IS) as hub, working("Asking the hub"):
        hub.delete_service(name, version)
    say(f"{name} version {version} is gone", fg="green")


def _put_environment(hub: HubClient, known: JsonObject, environment: JsonObject) -> None:
    """Change the environment of this title, or add one."""
    title = environment.get("title")
    ids = [one["id"] for one in known["environments"] if one["title"] == title]
    if ids:
        hub.change_environment(known["name"], known["version"], ids[0], environment)
    else:
        hub.create_environment(known["name"], known["version"], environment)


def _newest_version(hub: HubClient, name: str) -> int:
    versions = [int(one["version"]) for one in hub.list_services() if one["name"] == name]
    if not versions:
        raise CommandFailed(f"the hub has no service {name}", WHAT_THERE_IS)
    return max(versions)


def _version_of(wanted: JsonObject) -> int:
    version = wanted.get("version", 1)
    if not isinstance(version, int):
        raise CommandFailed('"version" must be a whole number')
    return version


def _show(found: JsonObject, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [(one["title"], one["id"], one["clientId"]) for one in found["environments"]]
    say(f"{found['title']} ({found['name']} version {found['version']}), sign-in: {found['authenticationType']}")
    print_table(("environment", "id", "client id"), rows)


def _reference(found: JsonObject) -> str:
    return f'"service": {{"name": "{found["name"]}", "version": "{found["version"]}"}}'
