"""`jackfield database …`: the tables and files of a hub, moved forward, backed up, brought back, looked at."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from rich_click import RichCommand, RichGroup

from jackfield.cli.doctor import print_checks
from jackfield.cli.mistakes import FAILURE, CommandFailed
from jackfield.cli.options import as_json_option
from jackfield.cli.terminal import print_json, say, working
from jackfield_hub.auths.master_key import MasterKeyMistake
from jackfield_hub.backups import service
from jackfield_hub.backups.examination import examine
from jackfield_hub.backups.service import Backup, BackupMistake
from jackfield_hub.data_folder import DataFolderMistake, make
from jackfield_hub.database import DatabaseAway
from jackfield_hub.settings import SettingMistake, Settings, read_settings
from jackfield_hub.tables import usage

Given = TypeVar("Given")

_data_option = click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The hub's data folder.")
_database_option = click.option("--database", metavar="URL", help="The hub's database, when not in the data folder.")


@click.group(cls=RichGroup)
def database() -> None:
    """Look after what a hub has stored."""
    os.umask(0o077)


@database.command("migrate", cls=RichCommand)
@_data_option
@_database_option
@as_json_option
def migrate(data: Path | None, database: str | None, *, as_json: bool) -> None:
    """Bring the tables to the form this version needs. `serve` does so by itself; here it can be done before."""
    settings = _settings(data, database)
    with working("Changing tables"):
        step = _run(_migrate(settings))
    if as_json:
        print_json({"step": step})
    else:
        say(f"The tables are at step {step}.", fg="green")


async def _migrate(settings: Settings) -> str:
    make(settings.data_dir)
    async with service.stored(settings) as databases:
        await databases.core.migrate()
        await databases.usage.add_tables(usage)
        return await service.read_step(databases.core)


@database.command("backup", cls=RichCommand)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_data_option
@_database_option
@click.option("--with-key", is_flag=True, help="Put the master key in, too: whoever has the file has every secret.")
@as_json_option
def back_up(file: Path, data: Path | None, database: str | None, *, with_key: bool, as_json: bool) -> None:
    """Write all the hub knows to FILE, while it runs. The master key is not in it: keep that elsewhere, and safe."""
    settings = _settings(data, database)
    with working("Backing up"):
        backup = _run(service.back_up(settings, file.absolute(), with_key=with_key))
    _tell(backup, as_json, f"{sum(backup.rows.values())} rows and the files they name are in {file}.")
    if not as_json and not with_key:
        say("The master key is not. Without it nothing secret in this file can be opened again: keep a copy of it.")


@database.command("restore", cls=RichCommand)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@_data_option
@_database_option
@as_json_option
def restore(file: Path, data: Path | None, database: str | None, *, as_json: bool) -> None:
    """Bring back what is in FILE, into an empty folder and an empty database, SQLite or Postgres."""
    settings = _settings(data, database)
    with working("Restoring"):
        backup = _run(service.restore(settings, file))
    _tell(backup, as_json, f"{sum(backup.rows.values())} rows are back in {settings.data_dir}.")
    if not as_json and backup.damaged:
        damaged = ", ".join(backup.damaged)
        say(f"Files were missing or changed when this was backed up. Deploy again: {damaged}.", fg="yellow")
    if not as_json and not backup.has_key:
        say(f"Next: put the master key into {settings.data_dir / service.KEY}, or where the settings say that it is.")


@database.command("check", cls=RichCommand)
@_data_option
@_database_option
@as_json_option
@click.pass_context
def check(ctx: click.Context, data: Path | None, database: str | None, *, as_json: bool) -> None:
    """Look at all that is stored: whole, complete, and opened by the key that is here."""
    settings = _settings(data, database)
    with working("Looking"):
        checks = _run(examine(settings))
    print_checks(checks, as_json)
    if not all(one.is_well for one in checks):
        ctx.exit(FAILURE)


def _settings(data: Path | None, database: str | None) -> Settings:
    try:
        return read_settings(data_dir=data, database=database)
    except SettingMistake as mistake:
        raise CommandFailed(str(mistake)) from None


def _run(work: Coroutine[Any, Any, Given]) -> Given:
    try:
        return asyncio.run(work)
    except (BackupMistake, DataFolderMistake, MasterKeyMistake) as mistake:
        raise CommandFailed(str(mistake)) from None
    except OSError as failure:
        raise CommandFailed(f"{failure.filename or 'the disk'}: {failure.strerror or failure}") from None
    except DatabaseAway:
        raise CommandFailed(
            "the database does not answer", "is its disk full, or its address (--database) wrong?"
        ) from None


def _tell(backup: Backup, as_json: bool, text: str) -> None:
    if as_json:
        told = {"step": backup.revision, "rows": backup.rows, "hasKey": backup.has_key, "damaged": backup.damaged}
        print_json(told)
    else:
        say(text, fg="green")
