"""`jackfield doctor`: what is wrong here, and how to mend it. The hub's own doctor adds its checks to ours."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich_click import RichCommand

from jackfield.cli.mistakes import FAILURE, CommandFailed
from jackfield.cli.options import as_json_option, profile_option
from jackfield.cli.profiles import API_TOKEN, API_URL, chosen_login, explained, profiles_file, read_profiles
from jackfield.cli.terminal import print_json, print_table, say, working
from jackfield.hub_client import HubClient

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing looked at. `next_step` says how to mend it when it is not well."""

    name: str
    is_well: bool
    found: str
    next_step: str = ""


@click.command(cls=RichCommand)
@profile_option
@as_json_option
@click.pass_context
def doctor(ctx: click.Context, profile: str | None, as_json: bool) -> None:
    """Look for what is wrong, and say how to mend it."""
    with working("Looking"):
        checks = kit_checks(profile)
    print_checks(checks, as_json)
    if not all(check.is_well for check in checks):
        ctx.exit(FAILURE)


def kit_checks(profile: str | None = None) -> list[Check]:
    """Look at Python, at the saved logins, and whether the hub answers and knows the token."""
    return [_python(), _saved_logins(), _hub(profile)]


def print_checks(checks: Sequence[Check], as_json: bool) -> None:
    """Print what was found as data, and what to do about it as talk."""
    if as_json:
        print_json({"elements": [_to_json(check) for check in checks]})
        return
    print_table(("", "check", "found"), [("ok" if one.is_well else "BAD", one.name, one.found) for one in checks])
    for check in checks:
        if not check.is_well:
            say(f"Next, for {check.name}: {check.next_step}")


def _to_json(check: Check) -> dict[str, object]:
    return {"name": check.name, "isWell": check.is_well, "found": check.found, "nextStep": check.next_step}


def _python() -> Check:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return Check(
        "python", sys.version_info >= OLDEST_PYTHON, platform.python_version(), f"install Python {wanted} or newer"
    )


def _saved_logins() -> Check:
    path = profiles_file()
    try:
        mode = path.stat().st_mode & 0o777
        names = ", ".join(read_profiles().logins) or "none"
    except FileNotFoundError:
        return Check("saved logins", True, "none")
    except CommandFailed as mistake:
        return Check("saved logins", False, mistake.message, mistake.next_step)
    if os.name == "posix" and mode & 0o077:
        return Check("saved logins", False, f"{path} can be read by others ({mode:o})", f"chmod 600 {path}")
    return Check("saved logins", True, names)


def _hub(profile: str | None) -> Check:
    if not (profile or os.environ.get(API_URL) or os.environ.get(API_TOKEN) or profiles_file().exists()):
        return Check("hub", True, "not logged in to any: jackfield login")
    try:
        login = chosen_login(profile)
        with explained(profile):
            HubClient(login.url, login.token, timeout_seconds=10).me()
    except CommandFailed as mistake:
        return Check("hub", False, mistake.message, mistake.next_step)
    return Check("hub", True, f"{login.url} answers, and knows the token")
