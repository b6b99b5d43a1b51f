"""`jackfield serve`: run a hub."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from pathlib import Path

import click
import uvloop
from rich_click import RichCommand
from uvicorn import Server

from jackfield.cli.mistakes import CommandFailed
from jackfield_hub.auths.master_key import MasterKeyMistake
from jackfield_hub.data_folder import DataFolderMistake
from jackfield_hub.database import DatabaseAway
from jackfield_hub.first_start import make_first_organization
from jackfield_hub.hub import open_hub
from jackfield_hub.logs import configure_logs
from jackfield_hub.sandbox.confinement import NotConfined
from jackfield_hub.server import CannotListen, open_socket, serving, url_of
from jackfield_hub.settings import SettingMistake, Settings, read_settings
from jackfield_hub.trust import TooManyToTrust, read_trust


@click.command(cls=RichCommand)
@click.option("--port", type=int, help="Port to listen on; 0 for any free one.  [default: 8080]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of its data.  [default: .jackfield]"
)
@click.option("--database", metavar="URL", help="sqlite:///… or postgresql://…  [default: a file in the data folder]")
def serve(port: int | None, host: str | None, data: Path | None, database: str | None) -> None:
    """Run a hub on this machine, until Ctrl-C.

    The first start makes an organization and writes its tokens to tokens.json in the data folder.
    Everything else that can be set is an environment variable: see the reference.
    """
    os.umask(0o077)  # whatever the hub writes is its owner's alone
    configure_logs()
    try:
        settings = read_settings(port=port, host=host, data_dir=data, database=database)
        uvloop.run(_serve(settings))
    except (SettingMistake, DataFolderMistake, MasterKeyMistake, CannotListen, TooManyToTrust) as mistake:
        raise CommandFailed(str(mistake)) from None
    except DatabaseAway:
        raise CommandFailed("the database does not answer", "look at its address: --database") from None
    except NotConfined as reason:
        raise CommandFailed(f"connectors would not be confined: {reason}", "jackfield doctor") from None


async def _serve(settings: Settings) -> None:
    listener = open_socket(settings.host, settings.port)
    async with open_hub(settings) as hub:
        warning = await read_trust(hub)
        if warning is not None:
            say(warning)
        tokens_file = await make_first_organization(hub)
        if tokens_file is not None:
            say(f"First start: the tokens of your organization are in {tokens_file}")
        gc.collect()
        gc.freeze()  # what is loaded now stays for ever: the collector need not look through it again and again
        async with serving(hub, listener) as server:
            say(f"The hub listens on {url_of(listener)} (read its API at /docs); Ctrl-C stops it")
            await _asked_to_stop(server)
            hub.is_draining = True
            say("Stopping: finishing what is running")


async def _asked_to_stop(server: Server) -> None:
    """Return at the first SIGTERM or Ctrl-C; a later one stops without waiting."""
    asked = asyncio.Event()

    def stop() -> None:
        server.force_exit = asked.is_set()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asked.wait()


def say(text: str) -> None:
    """Tell whoever started the hub; the log goes its own way."""
    click.echo(text, err=True)
