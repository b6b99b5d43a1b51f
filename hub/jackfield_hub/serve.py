"""`jackfield serve`: run a hub, as one process or as several."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import click
import uvloop
from rich_click import RichCommand

from jackfield.cli.mistakes import CommandFailed
from jackfield_hub.auths.master_key import MasterKeyMistake
from jackfield_hub.data_folder import DataFolderMistake
from jackfield_hub.database import DatabaseAway
from jackfield_hub.hub import open_hub
from jackfield_hub.logs import configure_logs
from jackfield_hub.migrations import NewerSchema
from jackfield_hub.processes.supervisor import DidNotStart, supervising
from jackfield_hub.sandbox.confinement import NotConfined
from jackfield_hub.server import CannotListen, Farewell, open_socket, serving, url_of
from jackfield_hub.settings import SettingMistake, Settings, read_settings
from jackfield_hub.start import begin
from jackfield_hub.trust import TooManyToTrust

LISTENS = "The hub listens on {url} (read its API at /docs); Ctrl-C stops it"
STOPPING = "Stopping: finishing what is running"


@click.command(cls=RichCommand)
@click.option("--port", type=int, help="Port to listen on; 0 for any free one.  [default: 8080]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of its data.  [default: .jackfield]"
)
@click.option("--database", metavar="URL", help="sqlite:///… or postgresql://…  [default: a file in the data folder]")
@click.option(
    "--processes", "--workers", "processes", type=int, help="How many processes serve requests.  [default: 1]"
)
def serve(port: int | None, host: str | None, data: Path | None, database: str | None, processes: int | None) -> None:
    """Run a hub on this machine, until Ctrl-C.

    The first start makes an organization and writes its tokens to tokens.json in the data folder.
    Everything else that can be set is an environment variable: see the reference.
    """
    os.umask(0o077)  # whatever the hub writes is its owner's alone
    configure_logs()
    try:
        settings = read_settings(port=port, host=host, data_dir=data, database=database, processes=processes)
        uvloop.run(_serve(settings) if settings.processes == 1 else _supervise(settings))
    except (
        SettingMistake,
        DataFolderMistake,
        MasterKeyMistake,
        NewerSchema,
        CannotListen,
        TooManyToTrust,
    ) as mistake:
        raise CommandFailed(str(mistake)) from None
    except DatabaseAway:
        raise CommandFailed("the database does not answer", "look at its address: --database") from None
    except NotConfined as reason:
        raise CommandFailed(f"connectors would not be confined: {reason}", "jackfield doctor") from None
    except DidNotStart as failure:
        raise CommandFailed(str(failure), failure.hint) from None


async def _serve(settings: Settings) -> None:
    listener, farewell = open_socket(settings.host, settings.port), Farewell()
    async with open_hub(settings) as hub:
        for text in await begin(hub):
            say(text)
        async with serving(hub, listener) as server:
            say(LISTENS.format(url=url_of(listener)))
            await _to_be_stopped(farewell.hurry).wait()
            say(STOPPING)
            await farewell.take(hub, server)


async def _supervise(settings: Settings) -> None:
    configure_logs("supervisor")
    async with supervising(settings, say) as supervisor:
        stop = _to_be_stopped(supervisor.hurry)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, supervisor.restart_gently)
        starting, stopping = asyncio.create_task(supervisor.start()), asyncio.create_task(stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            say(LISTENS.format(url=supervisor.url))
            await stopping
        starting.cancel()
        say(STOPPING)


def _to_be_stopped(hurry: Callable[[], None]) -> asyncio.Event:
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
