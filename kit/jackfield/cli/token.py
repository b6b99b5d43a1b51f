"""`jackfield token …`: what programs and you yourself sign in to the hub with."""

from __future__ import annotations

import click

from jackfield.cli.lazy import Noun
from jackfield.cli.options import as_json_option, profile_option
from jackfield.cli.profiles import open_hub
from jackfield.cli.terminal import print_json, print_table, say, working
from jackfield.exchange import JsonObject
from jackfield.hub_client import HubClient

ROLES = ("Admin", "Contributor", "Viewer")


@click.group(cls=Noun)
def token() -> None:
    """Make, list and revoke tokens."""


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES, case_sensitive=False), help="Make a program with this role for it.")
@click.option("--user", "user_id", metavar="ID", help="The program that exists already and gets the token.")
@click.option("--master", is_flag=True, help="Make a master token: it acts for the whole organization.")
@click.option("--days", default=90, show_default=True, help="How long it works, in days.")
@profile_option
@as_json_option
def create(
    name: str, *, role: str | None, user_id: str | None, master: bool, days: int, profile: str | None, as_json: bool
) -> None:
    """Make a token and print it, this once. Without --role, --user and --master: one for yourself."""
    if sum([role is not None, user_id is not None, master]) > 1:
        raise click.UsageError("--role, --user and --master exclude each other")
    with open_hub(profile, "jackfield user list shows who there is") as hub, working("Asking the hub"):
        if role is not None:
            user_id = _program(hub, name, role)
        wanted: JsonObject = {"name": name, "kind": "master" if master else "api", "expiresInDays": days}
        made = hub.create_token(wanted if user_id is None else {**wanted, "userId": user_id})
    if as_json:
        print_json(made)
    else:
        click.echo(made["token"])
    say(f"It works until {made['expiresAt']}, and nobody can read it again. Id: {made['id']}")


@token.command("list")
@profile_option
@as_json_option
def list_tokens(profile: str | None, *, as_json: bool) -> None:
    """List the tokens you may revoke."""
    with open_hub(profile) as hub, working("Asking the hub"):
        found = hub.list_tokens()
    if as_json:
        print_json({"elements": found})
    else:
        rows = [
            (one["id"], one["name"], one["kind"], f"{one['prefix']}…", one["expiresAt"] or "never") for one in found
        ]
        print_table(("id", "name", "kind", "begins", "works until"), rows)


@token.command()
@click.argument("token_id", metavar="ID")
@profile_option
def revoke(token_id: str, profile: str | None) -> None:
    """Make a token useless, at once."""
    with open_hub(profile, "jackfield token list shows those you may revoke") as hub, working("Asking the hub"):
        hub.revoke_token(token_id)
    say("The token works no more", fg="green")


def _program(hub: HubClient, name: str, role: str) -> str:
    """Make a program of this name and return its id."""
    return hub.create_program({"name": name, "organizationRoleId": hub.role_id(role)})["id"]
