"""What people read goes to stderr, what programs read goes to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import click
import orjson

from jackfield.exchange import Json

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def say(text: str, fg: str | None = None) -> None:
    """Print a line for people. Control characters do not reach the terminal: the text may come from a stranger."""
    click.secho(visible(text), err=True, fg=fg, color=False if os.environ.get("NO_COLOR") else None)


def visible(text: str) -> str:
    """Return the text with everything replaced that would move the cursor or change colours."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else UNPRINTABLE for letter in text)


def print_json(value: Json) -> None:
    """Print data for programs, UTF-8 whatever the terminal says."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows for people who asked for data: as wide as the terminal, or one line a row where there is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    console.print(table)


@contextmanager
def working(text: str) -> Generator[Callable[[str], None]]:
    """Say what is going on while the block runs. Gives a function that changes the text.

    On a terminal one line with a spinner, elsewhere a plain line whenever the text changes.
    """
    if not sys.stderr.isatty():
        say(f"{text} …")
        yield _plain_lines(text)
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(text)) as status:
        yield lambda changed: status.update(escape(visible(changed)))


def _plain_lines(shown: str) -> Callable[[str], None]:
    def show(text: str) -> None:
        nonlocal shown
        if text != shown:
            shown = text
            say(f"{text} …")

    return show


def ask(question: str, missing: str, *, is_secret: bool = False, default: str | None = None) -> str:
    """Ask the person at the terminal. Without one: a usage error that says what is `missing`."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(missing)
    return click.prompt(question, hide_input=is_secret, default=default, err=True)
