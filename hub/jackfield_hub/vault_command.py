"""`jackfield vault …`: the keys that seal what a hub keeps."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
from rich_click import RichCommand, RichGroup

from jackfield.cli.mistakes import CommandFailed
from jackfield.cli.options import as_json_option
from jackfield.cli.terminal import print_json, say, working
from jackfield_hub.auths.master_key import FileKey, MasterKeyMistake, master_keys
from jackfield_hub.auths.rotation import Rotated, rotate
from jackfield_hub.auths.vault import DoesNotOpen, LocalKeyWrap, MasterKeyAway, Vault
from jackfield_hub.database import Database, DatabaseAway
from jackfield_hub.settings import SettingMistake, Settings, read_settings


@dataclass
class _Tools:
    database: Database
    vault: Vault
    clock: Callable[[], float] = time.time


@click.group(cls=RichGroup)
def vault() -> None:
    """Look after the keys that seal credentials."""


@vault.command("rotate", cls=RichCommand)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The hub's data folder.")
@click.option("--database", metavar="URL", help="The hub's database, when it is not in the data folder.")
@as_json_option
def rotate_keys(data: Path | None, database: str | None, *, as_json: bool) -> None:
    """Seal everything with new keys, while the hub goes on working.

    The master key in the data folder is replaced. One from JACKFIELD_MASTER_KEY or its command is yours to replace: put
    the new one in front (new,old), start the hub again, run this, and take the old one away.
    """
    os.umask(0o077)
    try:
        settings = read_settings(data_dir=data, database=database)
        with working("Sealing everything anew"):
            done = asyncio.run(_rotate(settings))
    except (SettingMistake, MasterKeyMistake) as mistake:
        raise CommandFailed(str(mistake)) from None
    except DoesNotOpen:
        raise CommandFailed(
            "something was sealed with a key that is not here", "put that key back, behind yours"
        ) from None
    except MasterKeyAway as away:
        raise CommandFailed(
            away.message, "everything is still readable with the keys there were; run this again"
        ) from None
    except DatabaseAway:
        raise CommandFailed("the database does not answer", "look at its address: --database") from None
    if as_json:
        print_json({"dataKeys": done.data_keys, "secrets": done.secrets, "isMasterKeyNew": done.is_master_key_new})
    else:
        say(f"{done.secrets} rows with secrets are sealed with {done.data_keys} new data keys.", fg="green")


async def _rotate(settings: Settings) -> Rotated:
    keys = master_keys(settings)
    if not settings.database and not (settings.data_dir / "core.db").exists():
        raise MasterKeyMistake(f"there is no hub in {settings.data_dir}; say where it is with --data")
    database = Database(settings.database_url)
    try:
        tools = _Tools(database, Vault(LocalKeyWrap(keys)))
        return await rotate(tools, keys if isinstance(keys, FileKey) else None)
    finally:
        await database.close()
