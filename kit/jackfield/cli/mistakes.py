"""What went wrong, said with what to do next, and the exit code: 0 success, 1 failure, 2 wrong usage, 130 stopped."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import click

from jackfield.cli.terminal import say

FAILURE, STOPPED = 1, 130


class CommandFailed(click.ClickException):
    """The command could not do it. `next_step` says what to try."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


@contextmanager
def exit_codes(ctx: click.Context) -> Generator[None]:
    """Turn what the command raises into lines on stderr and an exit code."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError as mistake:
        click.echo(mistake.message, err=True)
        ctx.exit(mistake.exit_code)
    except click.UsageError as mistake:
        _show_usage_mistake(mistake)
        ctx.exit(mistake.exit_code)
    except click.ClickException as mistake:
        _show(mistake.format_message(), getattr(mistake, "next_step", ""))
        ctx.exit(mistake.exit_code)
    except (KeyboardInterrupt, click.Abort):
        say("\nStopped.")
        ctx.exit(STOPPED)


def _show(message: str, next_step: str) -> None:
    say(f"Error: {message}", fg="red")
    if next_step:
        say(f"Next: {next_step}")


def _show_usage_mistake(mistake: click.UsageError) -> None:
    path = mistake.ctx.command_path if mistake.ctx else "jackfield"
    _show(mistake.format_message(), f"{path} --help")
