"""Groups that import a command when it is typed, and commands that come with the hub."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

import click
from rich_click import RichCommand, RichGroup

from jackfield.cli.mistakes import CommandFailed

HUB_COMMANDS = "jackfield.commands"  # the entry-point group in which jackfield-hub offers its commands


class HubCommand(RichCommand):
    """A command of jackfield-hub, loaded when it is run. Without a hub `fallback` ("module:attribute") is run."""

    def __init__(self, name: str, short_help: str, fallback: str = "") -> None:
        super().__init__(name=name, short_help=short_help, help=short_help)
        self.fallback = fallback

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of the real command, so that its options and help are the real ones."""
        return self.real().make_context(info_name, args, parent, **extra)

    def real(self) -> click.Command:
        offered = hub_command(str(self.name))
        if offered is not None and is_whole(offered):
            return offered.load()
        if self.fallback:
            return self.own()
        raise CommandFailed(
            f"{self.name} comes with the hub, which is not installed here", "pip install 'jackfield[hub]'"
        )

    def own(self) -> click.Command:
        return load(self.fallback)


class Noun(RichGroup):
    """A group whose commands are listed in the order one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class LazyGroup(RichGroup):
    """A group whose commands are named as "module:attribute" and imported one by one."""

    def __init__(
        self, *args: Any, lazy: Mapping[str, str], from_hub: Mapping[str, HubCommand] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy
        self.from_hub = from_hub or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(dict.fromkeys([*self.lazy, *self.from_hub]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.from_hub:
            return self.from_hub[cmd_name]
        return load(self.lazy[cmd_name]) if cmd_name in self.lazy else None


def load(place: str) -> click.Command:
    """Import and return the command at "module:attribute"."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def is_whole(offered: EntryPoint) -> bool:
    """Return whether the module of a command is really there: a hub may be installed in part."""
    return find_spec(offered.module) is not None


def hub_command(name: str) -> EntryPoint | None:
    """Return where the installed hub keeps this command, or None when there is no hub."""
    return next(iter(entry_points(group=HUB_COMMANDS, name=name)), None)
