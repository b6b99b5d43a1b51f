"""`jackfield doctor` where a hub is installed: the kit's checks, and what a hub on this machine stands on."""

from __future__ import annotations

import asyncio
import platform
import stat
from collections.abc import Iterable
from pathlib import Path

import click
from rich_click import RichCommand

from jackfield.cli.doctor import Check, kit_checks, print_checks
from jackfield.cli.mistakes import FAILURE
from jackfield.cli.options import as_json_option, profile_option
from jackfield.cli.terminal import working
from jackfield_hub.database import Database, DatabaseAway
from jackfield_hub.sandbox.launcher import ZygoteLost
from jackfield_hub.sandbox.pool import Pool
from jackfield_hub.sandbox.self_test import open_probes
from jackfield_hub.settings import SettingMistake, Settings, read_settings

PRIVATE = ("keys/*", "tokens.json", "core.db*", "usage.db*")  # nobody but the owner may read these


@click.command(cls=RichCommand)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The hub's data folder.")
@click.option("--database", metavar="URL", help="The hub's database, when it is not in the data folder.")
@profile_option
@as_json_option
@click.pass_context
def doctor(ctx: click.Context, data: Path | None, database: str | None, profile: str | None, as_json: bool) -> None:
    """Look for what is wrong, here and at the hub, and say how to mend it."""
    with working("Looking"):
        checks = [*kit_checks(profile), *hub_checks(data, database)]
    print_checks(checks, as_json)
    if not all(check.is_well for check in checks):
        ctx.exit(FAILURE)


def hub_checks(data: Path | None = None, database: str | None = None) -> list[Check]:
    """Look at the machine, the settings, the data folder, the database and the workers' jail."""
    machine = Check("platform", True, f"{platform.system()} {platform.release()} on {platform.machine()}")
    try:
        settings = read_settings(data_dir=data, database=database)
    except SettingMistake as mistake:
        return [machine, Check("settings", False, str(mistake), "change or remove these variables")]
    return [machine, _data_folder(settings.data_dir), _database(settings), _workers()]


def _data_folder(folder: Path) -> Check:
    name = "data folder"
    if not folder.exists():
        return Check(name, True, f"{folder} is not there yet; jackfield serve makes it")
    known = [folder, *(path for pattern in PRIVATE for path in folder.glob(pattern))]
    open_to_others = [path for path in known if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if open_to_others:
        found = f"others on this machine can read {_listed(open_to_others)}"
        return Check(name, False, found, f"chmod -R go= {folder}")
    return Check(name, True, f"{folder} is its owner's alone")


def _database(settings: Settings) -> Check:
    name = "database"
    if not settings.database and not (settings.data_dir / "core.db").exists():
        return Check(name, True, "none yet; jackfield serve makes it")
    try:
        asyncio.run(_ping(settings.database_url))
    except DatabaseAway:
        return Check(name, False, "it does not answer", "look at its address and rights; the disk may be full")
    return Check(name, True, "it answers")


async def _ping(url: str) -> None:
    database = Database(url)
    try:
        await database.ping()
    finally:
        await database.close()


def _workers() -> Check:
    """Attack the jail of this host's workers from inside, with all we know."""
    name = "workers"
    try:
        rung, open_attacks = asyncio.run(_attack_workers())
    except ZygoteLost:
        return Check(name, False, "this host cannot confine them", "use Linux 5.13 or newer, with landlock and seccomp")
    if open_attacks:
        found = f"confined by {rung}, but these get through: {', '.join(open_attacks)}"
        return Check(name, False, found, "deploy only connectors you trust, or move the hub to another host")
    return Check(name, True, f"confined by {rung}; every attack of the self-test failed")


async def _attack_workers() -> tuple[str, list[str]]:
    workers = Pool()
    await workers.start()
    try:
        return str(workers.rung), await open_probes(workers)
    finally:
        await workers.stop()


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in paths)
