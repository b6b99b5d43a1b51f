"""`jackfield namespace …`: how the names of your organization's connectors begin."""

from __future__ import annotations

import click

from jackfield.cli.lazy import Noun
from jackfield.cli.options import as_json_option, profile_option
from jackfield.cli.profiles import open_hub
from jackfield.cli.terminal import print_json, say, working


@click.group(cls=Noun)
def namespace() -> None:
    """See or choose how the names of your organization's connectors begin."""


@namespace.command()
@click.argument("organization_id", metavar="[ORGID]", required=False)
@profile_option
@as_json_option
def get(organization_id: str | None, profile: str | None, *, as_json: bool) -> None:
    """Show the namespace. Without ORGID: of the organization your token belongs to."""
    with open_hub(profile, "jackfield namespace create NAMESPACE chooses one") as hub, working("Asking the hub"):
        name = hub.namespace(organization_id or hub.organization_id())
    _show(name, as_json=as_json)


@namespace.command(options_metavar="[ORGID] NAMESPACE [OPTIONS]")
@click.argument("organization_id_or_name", metavar="")
@click.argument("name", metavar="", required=False)
@profile_option
@as_json_option
def create(organization_id_or_name: str, name: str | None, profile: str | None, *, as_json: bool) -> None:
    """Choose the namespace, for good: connectors deployed from now on are called NAMESPACE-…"""
    if_missing = "leave out ORGID for the organization your token belongs to"
    with open_hub(profile, if_missing) as hub, working("Asking the hub"):
        organization_id = organization_id_or_name if name else hub.organization_id()
        chosen = hub.create_namespace(organization_id, name or organization_id_or_name)
    _show(chosen, as_json=as_json)


def _show(name: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"namespace": name})
    else:
        click.echo(name)
        say(f"The names of your connectors begin with {name}-")
