"""Whoever has started a hub: what they are told, and how they stop it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import click

LISTENS = "The hub listens on {url} (read its API at /docs); Ctrl-C stops it"
STOPPING = "Stopping: finishing what is running"


def to_be_stopped(hurry: Callable[[], None]) -> asyncio.Event:
    """Return what is set by the first SIGTERM or Ctrl-C; a later one stops without waiting."""
    asked = asyncio.Event()

    def stop() -> None:
        if asked.is_set():
            hurry()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return asked


def say(text: str) -> None:
    """Tell whoever started the hub; the log goes its own way."""
    click.echo(text, err=True)
