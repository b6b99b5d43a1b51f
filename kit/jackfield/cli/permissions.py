"""`jackfield permissions …`: who may see and call a connector you deployed."""

from __future__ import annotations

import click

from jackfield.cli.deployment import name_and_version
from jackfield.cli.lazy import Noun
from jackfield.cli.options import as_json_option, profile_option
from jackfield.cli.profiles import open_hub
from jackfield.cli.terminal import print_json, print_table, say, working

WHAT_THERE_IS = "jackfield connectors list shows what there is"


class CommaList(click.ParamType[list[str]]):
    """Texts joined by commas. Quotes that a shell left around them are taken off."""

    name = "list"

    def convert(self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        return [cleaned for part in value.split(",") if (cleaned := part.strip().strip("'\"").strip())]


@click.group(cls=Noun)
def permissions() -> None:
    """Share a connector you deployed. It is private until you do."""


@permissions.command()
@click.argument("name", required=False)
@click.argument("version", required=False)
@click.option("-e", "--email", "--emails", "emails", type=CommaList(), help="E-mails of colleagues, joined by commas.")
@click.option(
    "-w", "--workspace", "--workspaces", "workspaces", type=CommaList(), help="Ids of workspaces, joined by commas."
)
@profile_option
@as_json_option
def add(
    name: str | None,
    version: str | None,
    *,
    emails: list[str] | None,
    workspaces: list[str] | None,
    profile: str | None,
    as_json: bool,
) -> None:
    """Let colleagues, or everybody in some workspaces, see and call a connector. Without NAME: the one in this folder.

    Use the token the connector was deployed with.
    """
    if bool(emails) == bool(workspaces):
        raise click.UsageError(
            "Please provide either emails or workspace IDs, not both" if emails else "say with whom: -e or -w"
        )
    name, version = name_and_version(name, version)
    with open_hub(profile, WHAT_THERE_IS) as hub, working(f"Sharing {name} {version}"):
        if emails:
            answer = hub.share_with_emails(name, version, emails)
        else:
            answer = hub.share_with_workspaces(name, version, workspaces or [])
    if as_json:
        print_json(answer)
    say(answer.get("success", answer).get("message", ""), fg="green")
    for warning in answer.get("warnings", {}).get("emptyWorkspaces", []):
        say(warning, fg="yellow")


@permissions.command("list")
@click.argument("name", required=False)
@click.argument("version", required=False)
@profile_option
@as_json_option
def list_permissions(name: str | None, version: str | None, profile: str | None, *, as_json: bool) -> None:
    """List with whom a connector is shared. Without NAME: the one in this folder."""
    name, version = name_and_version(name, version)
    with open_hub(profile, WHAT_THERE_IS) as hub, working("Asking the hub"):
        emails = hub.permissions(name, version)
    if as_json:
        print_json({"emails": emails})
    elif emails:
        print_table(("e-mail",), [(email,) for email in emails])
    else:
        say(f"{name} {version} is not shared. Next: jackfield permissions add {name} {version} -e EMAIL")


@permissions.command()
@click.argument("name")
@click.argument("version")
@click.argument("email")
@profile_option
def remove(name: str, version: str, email: str, profile: str | None) -> None:
    """Let somebody see and call a connector no more."""
    if_missing = f"jackfield permissions list {name} {version} shows with whom it is shared"
    with open_hub(profile, if_missing) as hub, working("Asking the hub"):
        hub.stop_sharing(name, version, email)
    say(f"{name} {version} is no longer shared with {email}", fg="green")
