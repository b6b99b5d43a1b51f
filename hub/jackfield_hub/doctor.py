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
from jackfield_hub.logs import configure_logs
from jackfield_hub.processes import board
from jackfield_hub.sandbox import landlock
from jackfield_hub.sandbox.confinement import Confinement, NotConfined, confine
from jackfield_hub.sandbox.jail import Rung
from jackfield_hub.sandbox.pool import Pool
from jackfield_hub.settings import SettingMistake, Settings, read_settings, unread_variables

_SEEN_BY_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_BRICKS = {Rung.NAMESPACES: "namespaces, seccomp, limits", Rung.NO_NAMESPACES: "no namespaces; seccomp, limits"}
_FOR_NAMESPACES = "let the hub make user namespaces, if you want that wall too"
PRIVATE = ("keys/*", "tokens.json", "core.db*", "usage.db*")  # nobody but the owner may read these


@click.command(cls=RichCommand)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The hub's data folder.")
@click.option("--database", metavar="URL", help="The hub's database, when it is not in the data folder.")
@profile_option
@as_json_option
@click.pass_context
def doctor(ctx: click.Context, data: Path | None, database: str | None, profile: str | None, as_json: bool) -> None:
    """Look for what is wrong, here and at the hub, and say how to mend it."""
    configure_logs()
    with working("Looking"):
        checks = [*kit_checks(profile), *hub_checks(data, database)]
    print_checks(checks, as_json)
    if not all(check.is_well for check in checks):
        ctx.exit(FAILURE)


def hub_checks(data: Path | None = None, database: str | None = None) -> list[Check]:
    """Look at the machine, the settings, the data folder, the database and the workers' jail."""
    machine = Check("platform", True, f"{platform.system()} {platform.release()} on {platform.machine()}")
    unread = _unread_variables()
    try:
        settings = read_settings(data_dir=data, database=database)
    except SettingMistake as mistake:
        return [machine, *unread, Check("settings", False, str(mistake), "change or remove these variables")]
    running = _processes(settings.data_dir)
    return [machine, *unread, _data_folder(settings.data_dir), *running, _database(settings), _workers()]


def _unread_variables() -> list[Check]:
    """Say which variables were probably meant to be settings, where there are any. Nothing is broken by them."""
    found = "; ".join(unread_variables())
    return [Check("variables", True, found, "correct or remove these variables")] if found else []


def _data_folder(folder: Path) -> Check:
    name = "data folder"
    if not folder.exists():
        return Check(name, True, f"{folder} is not there yet; jackfield serve makes it")
    known = [folder, *(path for pattern in PRIVATE for path in folder.glob(pattern))]
    open_to_others = [path for path in known if path.stat().st_mode & _SEEN_BY_OTHERS]
    if open_to_others:
        found = f"others on this machine can read {_listed(open_to_others)}"
        return Check(name, False, found, f"chmod -R go= {folder}")
    return Check(name, True, f"{folder} is its owner's alone")


def _processes(folder: Path) -> list[Check]:
    """Say which processes the hub in this folder consists of, where it runs as several."""
    pids = board.read(folder)
    return [Check("processes", True, ", ".join(f"{name} is {pid}" for name, pid in pids.items()))] if pids else []


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
        found = asyncio.run(_attack_workers())
    except NotConfined as reason:
        return Check(name, False, str(reason), reason.next_step)
    if found.rung is Rung.NO_JAIL:
        return Check(name, False, str(found), "use Linux 5.13 or newer, with landlock on (boot option lsm=)")
    bricks = f"{_BRICKS[found.rung]}, landlock ABI {landlock.abi()}"
    if found.open_attacks:
        return Check(name, False, f"{found} ({bricks})", "update the kernel, or move the hub to another host")
    if found.rung is Rung.NO_NAMESPACES:
        return Check(name, True, f"{found} ({bricks}: {found.why_not_higher}); every attack failed", _FOR_NAMESPACES)
    return Check(name, True, f"{found} ({bricks}); every attack failed")


async def _attack_workers() -> Confinement:
    workers = Pool(lowest=Rung.NO_JAIL)
    try:
        return await confine(workers, is_trusting=True)
    finally:
        await workers.stop()


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in paths)
