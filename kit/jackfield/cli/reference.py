"""The reference of the command, written from the commands themselves: docs/reference/command.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from jackfield.cli import command
from jackfield.cli.lazy import HubCommand
from jackfield.cli.profiles import API_TOKEN, API_URL

INTRODUCTION = """# The command

<!-- Written by `make docs` from the code. Do not edit. -->

Data goes to stdout, everything else to stderr. Exit codes: 0 success, 1 failure, 2 wrong usage, 130 stopped.
Without a terminal nothing asks a question: what is missing is an error that names it.
"""
ENVIRONMENT = {
    API_URL: "The address of the hub; wins over the saved login.",
    API_TOKEN: "The token to use there; wins over the saved one. A saved token is never sent to another hub's address.",
    "NO_COLOR": "Set to anything: no colours.",
}


def command_page() -> str:
    """Return the whole page."""
    context = command.make_context("jackfield", [], resilient_parsing=True)
    sections = [INTRODUCTION, *_sections(command, context), _environment()]
    return "\n".join(sections)


def _sections(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from _sections(found, click.Context(found, parent=context, info_name=name))
        elif isinstance(found, HubCommand) and not found.fallback:
            yield f"## jackfield {name}\n\n{found.help} Comes with `jackfield-hub`; see `jackfield {name} --help`.\n"
        elif found is not None:
            own = found.own() if isinstance(found, HubCommand) else found
            yield _section(own, click.Context(own, parent=context, info_name=name))


def _section(described: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *described.collect_usage_pieces(context)])
    lines = [f"## {context.command_path}", "", f"    {' '.join(usage.split())}", ""]
    lines += [inspect.cleandoc(described.help or ""), ""]
    options = list(_options(described, context))
    table = ["| option | |", "|---|---|", *options, ""] if options else []
    return "\n".join([*lines, *table])


def _options(described: click.Command, context: click.Context) -> Iterator[str]:
    for option in described.params:
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record is not None:
            names, text = (part.replace("|", "\\|") for part in record)
            yield f"| `{names}` | {text} |"


def _environment() -> str:
    rows = [f"| `{name}` | {text} |" for name, text in ENVIRONMENT.items()]
    return "\n".join(["## Environment", "", "| variable | |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    click.echo(command_page(), nl=False)
