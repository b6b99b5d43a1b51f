"""`jackfield user …`: the people and programs of your organization."""

from __future__ import annotations

import click

from jackfield.cli.lazy import Noun
from jackfield.cli.options import as_json_option, profile_option
from jackfield.cli.profiles import open_hub
from jackfield.cli.terminal import print_json, print_table, say, working
from jackfield.cli.token import ROLES


@click.group(cls=Noun)
def user() -> None:
    """List people and programs, add one, remove one."""


@user.command("list")
@click.option("--email", help="Only whoever has this e-mail.")
@profile_option
@as_json_option
def list_users(email: str | None, profile: str | None, *, as_json: bool) -> None:
    """List the people and programs of your organization."""
    with open_hub(profile) as hub, working("Asking the hub"):
        found = list(hub.users(email))
    if as_json:
        print_json({"elements": found})
    else:
        rows = [(one["id"], one["name"], one["email"] or "", one["accountType"], one["role"]["name"]) for one in found]
        print_table(("id", "name", "e-mail", "kind", "role"), rows)


@user.command()
@click.argument("email")
@click.option("--name", help="What they are called. Without it: what stands before the @.")
@click.option("--role", type=click.Choice(ROLES, case_sensitive=False), default="Viewer", show_default=True)
@profile_option
@as_json_option
def create(email: str, name: str | None, role: str, profile: str | None, *, as_json: bool) -> None:
    """Add a person, who signs in at your OpenID provider. To let people choose a password, invite them instead."""
    with open_hub(profile) as hub, working("Asking the hub"):
        wanted = {"name": name or email.partition("@")[0], "email": email, "organizationRoleId": hub.role_id(role)}
        made = hub.create_user(wanted)
    if as_json:
        print_json(made)
    else:
        click.echo(made["id"])
    say(f"{made['name']} is in, as {made['role']['name']}", fg="green")


@user.command()
@click.argument("user_id", metavar="ID")
@profile_option
def remove(user_id: str, profile: str | None) -> None:
    """Remove a person or program. Their tokens and sessions end at once; what they deployed stays."""
    with open_hub(profile, "jackfield user list shows who there is") as hub, working("Asking the hub"):
        hub.remove_user(user_id)
    say("Removed", fg="green")
