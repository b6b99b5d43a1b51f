"""The command as a whole: quick to start, plain without a terminal, the same exit codes everywhere."""

from __future__ import annotations

import os
import platform
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest

import jackfield.cli.lazy as lazy_commands
from jackfield.cli import command
from jackfield.cli.lazy import HubCommand
from jackfield.cli.reference import command_page
from tests.kit.command_line import EXECUTABLE, CommandLine
from tests.kit.stand_in_hub import TOKEN, StandInHub

ROOT = Path(__file__).parents[2]
HEAVY = ("pydantic", "aiohttp", "jsonschema_rs", "asyncio", "pytest", "rich.console")


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of every command that is ours, without those of the hub."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        inner = group.get_command(context, name)
        if isinstance(inner, click.Group):
            found += leaves(inner, (*path, name))
        elif not isinstance(inner, HubCommand):
            found.append((*path, name))
    return found


def test_version_says_command_platform_and_python(cli: CommandLine) -> None:
    answer = cli.process("version")

    assert answer.exit_code == 0
    assert answer.data.startswith("jackfield/")
    assert answer.data.strip().endswith(f"python-{platform.python_version()}")
    assert set(cli("version", "--json").json) == {"version", "platform", "python"}
    assert cli("--version") == answer


@pytest.mark.parametrize("words", [("version",), ("connectors", "call"), ("connector", "init", "--help")])
def test_the_command_imports_nothing_heavy_before_it_needs_it(cli: CommandLine, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jackfield.cli", *words], capture_output=True, text=True, check=False
    )

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    heavy = [name for name in HEAVY if name in imported]
    assert heavy == ([] if words != ("connector", "init", "--help") else ["rich.console"])
    assert len(imported) < 500


@pytest.mark.parametrize("words", leaves(command), ids=" ".join)
def test_every_command_explains_itself(cli: CommandLine, words: tuple[str, ...]) -> None:
    answer = cli(*words, "--help")

    assert answer.exit_code == 0
    assert f"Usage: jackfield {' '.join(words)}" in answer.data


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["verson"], "No such command 'verson'"),
        (["--verson"], "Next: jackfield --help"),
        ([], "Usage: jackfield"),
        (["version", "--loud"], "No such option"),
        (["connectors", "call"], "Missing argument 'NAME'"),
        (["connectors", "call", "shop"], "Missing argument 'OPERATION'"),
        (["connector"], "Usage: jackfield connector"),
        (["connector", "test", "--record", "--live"], "leave out --live"),
        (["connector", "test", "--diff"], "add --live"),
    ],
)
def test_wrong_usage_exits_2_and_prints_no_data(cli: CommandLine, words: list[str], said: str) -> None:
    answer = cli(*words)

    assert (answer.exit_code, answer.data) == (2, "")
    assert said in answer.talk


@pytest.mark.parametrize("words", [["test"], ["build"], ["run", "x"], ["add-operation", "x"]])
def test_outside_of_a_project_every_command_says_how_to_start_one(cli: CommandLine, words: list[str]) -> None:
    answer = cli("connector", *words)

    assert answer.exit_code == 1
    assert "no connector.json here or above" in answer.talk
    assert "jackfield connector init NAME" in answer.talk


def test_a_command_of_the_hub_says_what_to_install_when_there_is_none(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy_commands, "HUB_COMMANDS", "jackfield.commands.of.nobody")

    answer = cli("serve", "--port", "1")

    assert answer.exit_code == 1
    assert "pip install 'jackfield[hub]'" in answer.talk
    assert "python" in cli("doctor").data


def test_a_terminal_gets_colours_unless_somebody_says_no(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[31m" in at_a_terminal(cli, "connectors", "list")

    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in at_a_terminal(cli, "connectors", "list")


def test_at_a_terminal_login_asks_and_the_token_does_not_show(cli: CommandLine, hub: StandInHub) -> None:
    shown = at_a_terminal(cli, "login", typed=f"{hub.url}\n{TOKEN}\n")

    assert f"Logged in to {hub.url} as alice" in shown
    assert TOKEN not in shown


def test_at_a_terminal_init_asks_for_the_name(cli: CommandLine) -> None:
    assert "Success! Added my-shop" in at_a_terminal(cli, "connector", "init", typed="My Shop\n")


def at_a_terminal(cli: CommandLine, *words: str, typed: str = "") -> str:
    """Return everything the executable shows at a terminal while somebody types."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen([EXECUTABLE, *words], cwd=cli.folder, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    lines = typed.encode().splitlines(keepends=True)
    try:
        while True:
            # A question ends with ": "; typing ahead would be echoed before the command hides what is typed.
            shown += os.read(ours, 4096)
            if lines and shown.rstrip(b"\x1b[0m").endswith(b": "):
                os.write(ours, lines.pop(0))
                shown += b"\n"
    except OSError:  # the other side hung up
        pass
    finally:
        os.close(ours)
        running.wait(timeout=30)
    return shown.decode(errors="replace")


def test_bash_completes_commands_and_names(cli: CommandLine) -> None:
    script = cli("autocomplete", "bash").data
    assert "~/.bashrc" in cli("autocomplete", "bash").talk
    environment = {**os.environ, "PATH": f"{EXECUTABLE.parent}{os.pathsep}{os.environ['PATH']}"}

    def complete(*words: str) -> list[str]:
        line = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _jackfield_completion jackfield"
        asked = f'{script}\n{line}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", asked], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert complete("jackfield", "conn") == ["connector", "connectors"]
    assert complete("jackfield", "connector", "add") == ["add-operation"]
    assert complete("jackfield", "connector", "add-operation", "x", "''") == ["http", "composite", "ddl"]


def test_an_unknown_shell_is_named(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")

    assert "jackfield autocomplete bash|zsh|fish" in cli("autocomplete").talk


def test_the_reference_is_what_the_commands_say() -> None:
    written = (ROOT / "docs" / "reference" / "command.md").read_text("utf-8")

    assert written == command_page(), "run `make docs`"
