"""A hub that is one process."""

from __future__ import annotations

from jackfield.cli.mistakes import CommandFailed
from jackfield_hub.auths.master_key import MasterKeyMistake
from jackfield_hub.console import LISTENS, STOPPING, say, to_be_stopped
from jackfield_hub.database import DatabaseAway
from jackfield_hub.full_disk import is_full
from jackfield_hub.hub import open_hub
from jackfield_hub.listener import open_socket, url_of
from jackfield_hub.migrations import NewerSchema
from jackfield_hub.sandbox.confinement import NotConfined
from jackfield_hub.server import Farewell, serving
from jackfield_hub.settings import Settings
from jackfield_hub.start import begin
from jackfield_hub.trust import TooManyToTrust


async def serve(settings: Settings) -> None:
    """Run a hub until it is stopped. Raises CannotListen, DataFolderMistake, and CommandFailed where it cannot run."""
    try:
        await _serve(settings)
    except (MasterKeyMistake, NewerSchema, TooManyToTrust) as mistake:
        raise CommandFailed(str(mistake)) from None
    except DatabaseAway:
        raise CommandFailed(
            "the database does not answer", "is its disk full, or its address (--database) wrong?"
        ) from None
    except OSError as failure:
        if not is_full(failure):
            raise
        raise CommandFailed("the disk is full", f"make room for {settings.data_dir}") from None
    except NotConfined as reason:
        raise CommandFailed(f"connectors would not be confined: {reason}", "jackfield doctor") from None


async def _serve(settings: Settings) -> None:
    listener, farewell = open_socket(settings.host, settings.port), Farewell()
    async with open_hub(settings) as hub:
        for text in await begin(hub):
            say(text)
        async with serving(hub, listener) as server:
            say(LISTENS.format(url=url_of(listener)))
            await to_be_stopped(farewell.hurry).wait()
            say(STOPPING)
            await farewell.take(hub, server)
