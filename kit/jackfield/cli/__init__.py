"""The command `jackfield`: one module per noun, imported when its noun is typed."""

from __future__ import annotations

import click

from jackfield.cli.lazy import HubCommand, LazyGroup, load
from jackfield.cli.mistakes import exit_codes

COMMANDS = {
    "connector": "jackfield.cli.connector:connector",
    "deployment": "jackfield.cli.deployment:deployment",
    "connectors": "jackfield.cli.connectors:connectors",
    "permissions": "jackfield.cli.permissions:permissions",
    "namespace": "jackfield.cli.namespace:namespace",
    "user": "jackfield.cli.user:user",
    "token": "jackfield.cli.token:token",
    "service": "jackfield.cli.service:service",
    "login": "jackfield.cli.login:login",
    "logout": "jackfield.cli.login:logout",
    "calls": "jackfield.cli.calls:calls",
    "usage": "jackfield.cli.calls:usage",
    "profiles": "jackfield.cli.login:profiles",
    "doctor": "jackfield.cli.doctor:doctor",
    "version": "jackfield.cli.version:version",
    "autocomplete": "jackfield.cli.autocomplete:autocomplete",
}


class Jackfield(LazyGroup):
    """The group at the top: here, and only here, what went wrong becomes a text and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with exit_codes(ctx):
            args = super().parse_args(ctx, args)
        return args  # noqa: RET504 - the block turns a mistake into an exit

    def invoke(self, ctx: click.Context) -> object:
        with exit_codes(ctx):
            return super().invoke(ctx)


def show_version(ctx: click.Context, param: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        ctx.invoke(load(COMMANDS["version"]), as_json=False)
        ctx.exit()


@click.group(
    "jackfield",
    cls=Jackfield,
    lazy=COMMANDS,
    from_hub={
        "serve": HubCommand("serve", "Run a hub on this machine."),
        "vault": HubCommand("vault", "Look after the keys that seal credentials."),
        "database": HubCommand("database", "Look after what a hub has stored: back it up, restore it, check it."),
        "doctor": HubCommand("doctor", "Look for what is wrong, and say how to mend it.", COMMANDS["doctor"]),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="What version prints."
)
def command() -> None:
    """Write connectors, test them, deploy them to a hub, call them.

    Data goes to stdout, everything else to stderr. Exit codes: 0 success, 1 failure, 2 wrong usage, 130 stopped.
    """


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    command.main(prog_name="jackfield")
