"""A backup is one consistent look at the tables and, beside it, the files they name. See this room's first lines."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from jackfield_hub.auths.master_key import FileKey, master_keys
from jackfield_hub.backups import store
from jackfield_hub.backups.store import Kept
from jackfield_hub.contents.service import Contents
from jackfield_hub.data_folder import let_workers_pass, let_workers_read, own, write_secret
from jackfield_hub.database import EVERY_ORGANIZATION, Database, DatabaseAway, Transaction
from jackfield_hub.deployments.bundles import BundleChanged, Bundles
from jackfield_hub.settings import Settings
from jackfield_hub.tables import usage

FORMAT = 1
HEAD = "backup.json"
FOLDERS = ("sources", "bundles")
KEY = "keys/master.key"
_LINES = 500
_MUCH = 1024 * 1024


class BackupMistake(Exception):
    """It cannot be done as it was asked for; the message says what to do."""


@dataclass
class Backup:
    """What a backup holds. `made_at` is in seconds since 1970."""

    revision: str
    made_at: float
    rows: dict[str, int] = field(default_factory=dict[str, int])
    has_key: bool = False
    damaged: list[str] = field(default_factory=list[str])  #: connectors whose files were not whole when it was made


@dataclass(frozen=True)
class Stored:
    """Where a hub's rows are: on SQLite in two files, on Postgres in one database."""

    core: Database
    usage: Database


@asynccontextmanager
async def stored(settings: Settings) -> AsyncGenerator[Stored]:
    """Give the databases of these settings; they need not have any tables yet."""
    core = Database(settings.database_url)
    ledger = Database(f"sqlite:///{settings.data_dir / 'usage.db'}") if core.is_sqlite else core
    try:
        yield Stored(core, ledger)
    finally:
        for database in {core, ledger}:
            await database.close()


def is_there(settings: Settings) -> bool:
    """Whether there is a database to look at."""
    return bool(settings.database) or (settings.data_dir / "core.db").exists()


async def read_step(database: Database) -> str:
    """Return the step its tables are at, or "" when it has none."""
    async with database.reading(EVERY_ORGANIZATION) as tx:
        return await store.revision(tx)


async def back_up(settings: Settings, file: Path, *, with_key: bool) -> Backup:
    """Write all this hub knows to a new file only its owner may read. The hub may run meanwhile.

    Raises BackupMistake, DatabaseAway.
    """
    if file.exists():  # noqa: ASYNC240 - nobody waits for this process
        raise BackupMistake(f"{file} is there already; name a file that is not")
    if not file.parent.is_dir():
        raise BackupMistake(f"there is no folder {file.parent}; make it, or name a file in another one")
    if not is_there(settings):
        raise BackupMistake(f"there is no hub in {settings.data_dir}; say where it is with --data")
    keys = master_keys(settings)
    if with_key and not isinstance(keys, FileKey):
        raise BackupMistake("the master key is not in the data folder: back it up where it is, without --with-key")
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            backup = await _write(settings, target, with_key=with_key)
            target.flush()
            os.fsync(target.fileno())
        draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)
    return backup


async def _write(settings: Settings, target: Any, *, with_key: bool) -> Backup:
    with (
        gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        async with stored(settings) as databases:
            async with databases.core.reading(EVERY_ORGANIZATION) as tx:
                backup = Backup(await store.revision(tx), time.time(), has_key=with_key)
                await _write_tables(archive, tx, store.CORE, backup)
                if databases.usage is databases.core:
                    await _write_tables(archive, tx, store.USAGE, backup)
            if databases.usage is not databases.core:
                async with databases.usage.reading(EVERY_ORGANIZATION) as tx:
                    await _write_tables(archive, tx, store.USAGE, backup)
        if settings.database_url.startswith("sqlite"):
            for name in FOLDERS:
                await asyncio.to_thread(_write_folder, archive, settings.data_dir, name)
        if with_key:
            _write_bytes(archive, KEY, (settings.data_dir / KEY).read_bytes())
        head = {"format": FORMAT, "revision": backup.revision, "madeAt": backup.made_at, "rows": backup.rows}
        _write_bytes(archive, HEAD, orjson.dumps(head | {"hasKey": with_key}))
    return backup


async def _write_tables(archive: tarfile.TarFile, tx: Transaction, tables: Sequence[Kept], backup: Backup) -> None:
    for table in tables:
        with tempfile.TemporaryFile() as lines:  # a tar says the length of a file before what is in it
            count = 0
            async for some in store.read_lines(tx, table):
                lines.writelines(some)
                count += len(some)
            entry = _entry(f"tables/{table.name}.jsonl", lines.tell())
            lines.seek(0)
            await asyncio.to_thread(archive.addfile, entry, lines)
        backup.rows[str(table.name)] = count


def _write_folder(archive: tarfile.TarFile, data: Path, name: str) -> None:
    for path in sorted((data / name).rglob("*")):
        is_draft = any(part.endswith(".draft") for part in path.relative_to(data).parts)
        if path.is_file() and not is_draft:  # what is removed just now is named by nothing any more
            with path.open("rb") as content:
                archive.addfile(_entry(path.relative_to(data).as_posix(), path.stat().st_size), content)
        elif path.is_dir() and not is_draft:
            entry = tarfile.TarInfo(path.relative_to(data).as_posix())
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)


def _write_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_entry(name, len(content)), io.BytesIO(content))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


async def restore(settings: Settings, file: Path) -> Backup:
    """Bring back all a backup holds, into a folder and a database with nothing in it.

    All of it is there when this returns, and nothing when it raises BackupMistake, DatabaseAway or DataFolderMistake.
    """
    present = {path.name for path in settings.data_dir.iterdir()} if settings.data_dir.exists() else set[str]()
    if present - {"keys", "hub.lock"}:
        raise BackupMistake(f"{settings.data_dir} is not empty; say with --data where the hub shall be")
    with own(settings.data_dir), tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.data_dir) as scratch:
        draft = Path(scratch)
        await asyncio.to_thread(_unpack, file, draft)
        backup = _read_head(draft)
        is_sqlite = not settings.database
        place = settings.model_copy(update={"data_dir": draft}) if is_sqlite else settings
        async with stored(place) as databases:
            await _make_tables(databases, backup)
            if not is_sqlite:
                await _share(draft, databases.core)
            await _fill(databases, draft)
            with suppress(DatabaseAway):  # from here on all of it is there; a hub looks at each bundle again
                backup.damaged, _ = await list_damaged(draft, databases.core)
        await asyncio.to_thread(_move_in, settings, draft)
    return backup


async def list_damaged(data: Path, core: Database) -> tuple[list[str], int]:
    """Return the connectors whose files are missing or not what was built, and how many connectors there are.

    Bundles that are in the database alone are brought into the data folder. Raises DatabaseAway.
    """
    bundles = Bundles(data / "bundles", Contents(core))
    async with core.reading(EVERY_ORGANIZATION) as tx:
        wanted = await store.list_bundles(tx)
    damaged: list[str] = []
    for digest, connector in wanted.items():
        try:
            await bundles.unchanged(digest)
        except BundleChanged:
            damaged.append(connector)
    return damaged, len(wanted)


def _unpack(file: Path, folder: Path) -> None:
    try:
        with gzip.open(file) as packed:
            with tarfile.open(fileobj=packed, mode="r|") as archive:
                for entry in archive:
                    _unpack_one(archive, entry, folder)
            while packed.read(_MUCH):  # its checksum comes last, behind what a tar ends with
                pass
    except (OSError, ValueError, tarfile.TarError, EOFError, zlib.error) as failure:  # ValueError: a NUL in a name
        raise BackupMistake(f"{file} is no backup, or is not whole ({type(failure).__name__})") from None


def _unpack_one(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    """Unpack what we have packed, and nothing else. Python itself can be told to since 3.11.4; Debian 12 has 3.11.2."""
    name, content = PurePosixPath(entry.name), archive.extractfile(entry) if entry.isreg() else None
    if name.is_absolute() or ".." in name.parts or (content is None and not entry.isdir()):
        raise tarfile.ExtractError
    place = folder / name
    (place.parent if content else place).mkdir(parents=True, exist_ok=True)
    if content:
        place.touch(mode=0o600, exist_ok=False)
        with place.open("wb") as file:
            shutil.copyfileobj(content, file)


def _read_head(folder: Path) -> Backup:
    try:
        head = orjson.loads((folder / HEAD).read_bytes())
        if head["format"] != FORMAT:
            raise BackupMistake("this backup is of a newer version; restore it with that one")
        return Backup(head["revision"], head["madeAt"], head["rows"], head["hasKey"])
    except (OSError, ValueError, TypeError, KeyError):
        raise BackupMistake("this is no backup of a hub, or is not whole") from None


async def _make_tables(databases: Stored, backup: Backup) -> None:
    await databases.core.migrate()
    await databases.usage.add_tables(usage)
    async with databases.core.reading(EVERY_ORGANIZATION) as tx:
        await _check_empty(tx)
        ours = await store.revision(tx)
    if ours != backup.revision:
        raise BackupMistake(
            f"the backup's tables are at step {backup.revision}, this version's at {ours}: restore it with the "
            "version that wrote it, and update then"
        )


async def _check_empty(tx: Transaction) -> None:
    if not await store.is_empty(tx):
        raise BackupMistake("the database is not empty; give an empty one with --database")


async def _share(folder: Path, database: Database) -> None:
    """Put the unchanged bundles of a folder where the hubs of this database look for them.

    Should nothing more come of it, they are there for nobody, and a hub removes them.
    """
    bundles = Bundles(folder / "bundles", Contents(database))
    for digest in [f"sha256:{path.name}" for path in bundles.folder.iterdir()]:
        with suppress(BundleChanged):
            await bundles.unchanged(digest)
            await bundles.share(digest)


async def _fill(databases: Stored, folder: Path) -> None:
    async with databases.core.transaction(EVERY_ORGANIZATION) as tx:
        await _check_empty(tx)
        await _fill_tables(tx, folder, store.CORE)
        if databases.usage is databases.core:
            await _fill_tables(tx, folder, store.USAGE)
    if databases.usage is not databases.core:
        async with databases.usage.transaction(EVERY_ORGANIZATION) as tx:
            await _fill_tables(tx, folder, store.USAGE)


async def _fill_tables(tx: Transaction, folder: Path, tables: Sequence[Kept]) -> None:
    for table in tables:
        file = folder / "tables" / f"{table.name}.jsonl"
        if file.exists():
            try:
                for lines in _some_lines(file):
                    await store.insert_lines(tx, table, lines)
            except store.NoRow:
                raise BackupMistake(f"this is no backup of a hub: there are no rows of {table.name} in it") from None
            await store.count_on(tx, table)


def _some_lines(file: Path) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    with file.open("rb") as lines:
        for line in lines:
            some.append(line)
            if len(some) == _LINES or len(line) > _LINES * 1000:
                yield some
                some = []
    yield some


def _move_in(settings: Settings, draft: Path) -> None:
    key = draft / KEY
    if key.exists():
        (settings.data_dir / "keys").mkdir(mode=0o700, exist_ok=True)
        write_secret(settings.data_dir / KEY, key.read_bytes())
    for name in FOLDERS:
        if (draft / name).is_dir():
            (draft / name).rename(settings.data_dir / name)
    let_workers_pass(*(path for path in [settings.data_dir / "bundles"] if path.exists()))
    let_workers_read(settings.data_dir / "bundles")
    for path in draft.glob("*.db*"):
        path.rename(settings.data_dir / path.name)
