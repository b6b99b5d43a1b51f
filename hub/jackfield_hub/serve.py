"""`jackfield serve`: run a hub, as one process or as several."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import click
import uvloop
from rich_click import RichCommand

from jackfield.cli.mistakes import CommandFailed
from jackfield_hub.console import LISTENS, STOPPING, say, to_be_stopped
from jackfield_hub.data_folder import DataFolderMistake
from jackfield_hub.listener import CannotListen
from jackfield_hub.logs import configure_logs
from jackfield_hub.processes.supervisor import DidNotStart, supervising
from jackfield_hub.settings import SettingMistake, Settings, read_settings, unread_variables


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
    for text in unread_variables():
        say(f"Warning: {text}")
    try:
        settings = read_settings(port=port, host=host, data_dir=data, database=database, processes=processes)
        if settings.processes > 1:
            uvloop.run(_supervise(settings))
        else:
            _serve_alone(settings)
    except (SettingMistake, DataFolderMistake, CannotListen) as mistake:
        raise CommandFailed(str(mistake)) from None
    except DidNotStart as failure:
        raise CommandFailed(str(failure), failure.hint) from None


def _serve_alone(settings: Settings) -> None:
    # A supervisor does without all that serves: 60 MB.
    from jackfield_hub import alone

    uvloop.run(alone.serve(settings))


async def _supervise(settings: Settings) -> None:
    configure_logs("supervisor")
    async with supervising(settings, say) as supervisor:
        stop = to_be_stopped(supervisor.hurry)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, supervisor.restart_gently)
        starting, stopping = asyncio.create_task(supervisor.start()), asyncio.create_task(stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            say(LISTENS.format(url=supervisor.url))
            await stopping
        starting.cancel()
        say(STOPPING)
