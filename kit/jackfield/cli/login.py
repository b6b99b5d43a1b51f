"""`jackfield login`, `logout`, `profiles`: which hub we speak to, and as whom."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from rich_click import RichCommand

from jackfield.cli.mistakes import CommandFailed
from jackfield.cli.options import as_json_option
from jackfield.cli.profiles import (
    API_TOKEN,
    API_URL,
    DEFAULT_PROFILE,
    Login,
    clean_token,
    explained,
    profiles_file,
    read_profiles,
    write_profiles,
)
from jackfield.cli.terminal import ask, print_json, print_table, say, working
from jackfield.hub_client import HubAddress, HubClient, check_address


def complete_profile(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in read_profiles().logins if name.startswith(incomplete)]


@click.command(cls=RichCommand)
@click.option("--url", metavar="URL", help="The hub's address, like https://hub.example.com.")
@click.option("--profile", metavar="NAME", default=DEFAULT_PROFILE, help="Save it under this name, one a region.")
@click.option("--token-stdin", is_flag=True, help="Read the token from stdin. It never stands on a command line.")
def login(url: str | None, profile: str, token_stdin: bool) -> None:
    """Save a hub's address and a token, and make them the current ones."""
    profiles = read_profiles()
    known = profiles.logins.get(profile)
    address = _checked(url or _ask_for_url(known))
    token = clean_token(sys.stdin.readline() if token_stdin else _ask_for_token())
    if not token:
        raise CommandFailed("there is no token", "echo the token into: jackfield login --token-stdin")
    with explained(), working(f"Asking {address} who you are"):
        me = HubClient(address, token).me()
    profiles.current, profiles.logins[profile] = profile, Login(address, token)
    write_profiles(profiles)
    say(f"Logged in to {address}{_as_whom(me)} (profile {profile}).", fg="green")
    _warn(address)


def _ask_for_url(known: Login | None) -> str:
    default = known.url if known else os.environ.get(API_URL)
    return ask("Address of the hub", "which hub? Add --url https://hub.example.com", default=default)


def _ask_for_token() -> str:
    return ask(
        "Token (it does not show)", "there is no terminal to ask for the token: use --token-stdin", is_secret=True
    )


def _checked(url: str) -> str:
    try:
        return check_address(url)
    except HubAddress as mistake:
        raise click.BadParameter(str(mistake), param_hint="--url") from None


def _as_whom(me: dict[str, Any]) -> str:
    name = me.get("name") or me.get("username")
    return f" as {name}" if isinstance(name, str) and name else ""


def _warn(address: str) -> None:
    if address.startswith("http://") and not address.startswith(("http://127.", "http://localhost", "http://[::1]")):
        say("The connection to this hub is not encrypted: anybody on the way can read the token.", fg="yellow")
    for variable in (API_URL, API_TOKEN):
        if os.environ.get(variable):
            say(f"{variable} is set and wins over what is saved.", fg="yellow")


@click.command(cls=RichCommand)
@click.option(
    "--profile", metavar="NAME", shell_complete=complete_profile, help="Forget this login instead of the current one."
)
def logout(profile: str | None) -> None:
    """Forget a saved token. The token itself stays valid until it is revoked on the hub."""
    profiles = read_profiles()
    name = profile or profiles.current
    if profiles.logins.pop(name, None) is None:
        raise CommandFailed(f"there is no login called {name}", "jackfield profiles shows what there is")
    if profiles.current == name:
        profiles.current = next(iter(profiles.logins), DEFAULT_PROFILE)
    write_profiles(profiles)
    say(f"Forgot the login {name}.")


@click.command(cls=RichCommand)
@click.option("--use", metavar="NAME", shell_complete=complete_profile, help="Make this login the current one.")
@as_json_option
def profiles(use: str | None, as_json: bool) -> None:
    """List the saved logins, one a region. Tokens are not shown."""
    saved = read_profiles()
    if use is not None:
        if use not in saved.logins:
            raise CommandFailed(f"there is no login called {use}", f"jackfield login --profile {use}")
        saved.current = use
        write_profiles(saved)
    rows = [{"name": name, "url": one.url, "isCurrent": name == saved.current} for name, one in saved.logins.items()]
    if as_json:
        print_json({"elements": rows, "file": str(profiles_file())})
    elif rows:
        marks = [("*" if row["isCurrent"] else "", str(row["name"]), str(row["url"])) for row in rows]
        print_table(("", "profile", "hub"), marks)
    else:
        say("No login is saved. Next: jackfield login")
