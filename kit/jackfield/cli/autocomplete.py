"""`jackfield autocomplete`"""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from rich_click import RichCommand

from jackfield.cli.mistakes import CommandFailed
from jackfield.cli.terminal import say

SHELLS = ("bash", "zsh", "fish")
HOW_TO = {
    "bash": 'add to ~/.bashrc: eval "$(jackfield autocomplete bash)"',
    "zsh": 'add to ~/.zshrc: eval "$(jackfield autocomplete zsh)"',
    "fish": "jackfield autocomplete fish > ~/.config/fish/completions/jackfield.fish",
}


@click.command(cls=RichCommand)
@click.argument("shell", required=False, type=click.Choice(SHELLS))
@click.pass_context
def autocomplete(ctx: click.Context, shell: str | None) -> None:
    """Print the script that completes commands, options and names when you press Tab."""
    chosen = shell or Path(os.environ.get("SHELL", "")).name
    completion = get_completion_class(chosen)
    if completion is None or chosen not in SHELLS:
        raise CommandFailed("which shell?", f"jackfield autocomplete {'|'.join(SHELLS)}")
    click.echo(completion(ctx.find_root().command, {}, "jackfield", "_JACKFIELD_COMPLETE").source())
    say(f"To keep it, {HOW_TO[chosen]}")
