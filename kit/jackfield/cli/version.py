"""`jackfield version`"""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of

import click
from rich_click import RichCommand

from jackfield.cli.options import as_json_option
from jackfield.cli.terminal import print_json


@click.command(cls=RichCommand)
@as_json_option
def version(as_json: bool) -> None:
    """Print the versions of the command, the platform and Python."""
    known = {"version": version_of("jackfield"), "platform": _platform(), "python": platform.python_version()}
    if as_json:
        print_json(known)
    else:
        click.echo("jackfield/{version} {platform} python-{python}".format(**known))


def _platform() -> str:
    return f"{platform.system().lower()}-{platform.machine().lower()}"
