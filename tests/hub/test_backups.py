"""`jackfield database`: what is backed up can be brought back elsewhere, and damage is found before it is missed."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from examples.servers.postgres import Postgres
from jackfield_hub.auths.master_key import MasterKeyMistake
from jackfield_hub.database_command import database
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.settings import Settings
from tests.hub.people import Person, front_door
from tests.hub.shop import KEY, put_in_place, third_party
from tests.hub.signed_in import AUTHS
from tests.hub.stored import IS_POSTGRES, all_that_is_stored, stored, stored_values

ROOT = Path(__file__).parents[2]
CALL = "/core/v1/connectors/shop/versions/1.0/call"
DIES_HALF_WAY = """
import asyncio, os, signal, sys
from jackfield_hub.database import Database
from jackfield_hub.migrations import upgrade

def change(connection):
    upgrade(connection)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(Database(sys.argv[1])._change_tables(change))
"""


async def run(command: str, settings: Settings, *arguments: str) -> Result:
    """Run the command as an operator does, beside the hub."""
    place = ["--data", str(settings.data_dir), *(["--database", settings.database] if settings.database else [])]
    answer = await asyncio.to_thread(CliRunner().invoke, database, [command, *arguments, *place])
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    return answer


def said(answer: Result) -> str:
    """What it told people, whatever the width of their terminal."""
    return " ".join(answer.stderr.replace("│", " ").split())


async def checks(settings: Settings) -> tuple[int, dict[str, dict[str, Any]]]:
    answer = await run("check", settings, "--json")
    return answer.exit_code, {one["name"]: one for one in json.loads(answer.stdout)["elements"]}


async def furnish(hub: Hub, alice: Person, url: str) -> str:
    """Have Alice keep a connector and an auth for it, and call it once; return the id of the auth."""
    await put_in_place(hub, alice.organization_id, url, sign_in='ApiKey("X-Key")')
    for (digest,) in stored_values(hub.settings, "SELECT bundle_digest FROM connectors"):
        await hub.bundles.share(digest)
    [environment] = (await alice.get("/core/v1/services/shop/versions/1/environments")).json["elements"]
    wanted = {"name": "x", "serviceEnvironmentId": environment["id"], "credentials": {"apiKey": KEY}}
    auth_id = (await alice.post(AUTHS, wanted)).json["id"]
    assert await is_signed(alice, auth_id)
    return auth_id


async def is_signed(person: Person, auth_id: str) -> bool:
    answer = await person.post(CALL, {"operation": "get_product", "input": {"product_id": 7}, "authId": auth_id})
    return answer.json["output"].get("signed", False)


@pytest.fixture(params=["the same", "the other"])
def elsewhere(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path, new_database: Callable[[], str]
) -> Settings:
    """A place for a hub where nothing is yet, on the same kind of database and on the other."""
    url = new_database()
    if request.param == "the other":
        server: Postgres = request.getfixturevalue("postgres")
        url = "" if IS_POSTGRES else server.new_database()
    return settings.model_copy(update={"data_dir": tmp_path / "elsewhere", "database": url})


async def test_f50_a_hub_goes_on_elsewhere_with_its_key_and_does_not_start_without(
    hub: Hub, alice: Person, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    async with third_party() as shop:
        auth_id = await furnish(hub, alice, shop.url)
        made = await run("backup", settings, str(tmp_path / "hub.backup"))
        assert (made.exit_code, "The master key is not" in said(made)) == (0, True), made.stderr

        restored = await run("restore", elsewhere, str(tmp_path / "hub.backup"))

        assert (restored.exit_code, "keys/master.key" in said(restored)) == (0, True), restored.stderr
        with pytest.raises(MasterKeyMistake):
            async with open_hub(elsewhere):
                pass
        shutil.copytree(settings.data_dir / "keys", elsewhere.data_dir / "keys", dirs_exist_ok=True)
        assert (await checks(elsewhere))[0] == 0
        async with open_hub(elsewhere) as other, front_door(other) as session:
            moved = replace(alice, session=session)
            assert await is_signed(moved, auth_id)
            assert (await moved.get("/v1/usage")).json["tasks"] == 2
            await put_in_place(other, alice.organization_id, shop.url, name="another")
    assert len(stored(elsewhere, "SELECT * FROM users")) == len(stored(settings, "SELECT * FROM users"))


async def test_a_backup_tells_no_secret_unless_the_key_was_asked_for(
    hub: Hub, alice: Person, settings: Settings, tmp_path: Path
) -> None:
    async with third_party() as shop:
        await furnish(hub, alice, shop.url)
    key = (settings.data_dir / "keys" / "master.key").read_bytes()

    for arguments in ([], ["--with-key"]):
        file = tmp_path / f"{len(arguments)}.backup"
        assert (await run("backup", settings, str(file), *arguments)).exit_code == 0
        assert file.stat().st_mode & 0o777 == 0o600
        with tarfile.open(file) as archive:
            members = [archive.extractfile(one) for one in archive.getmembers() if one.isfile()]
            content = b"\n".join(member.read() for member in members if member is not None)
        assert KEY.encode() not in content
        assert alice.token.encode() not in content
        assert (key in content) == bool(arguments)


async def test_a_backup_replaces_nothing(hub: Hub, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "hub.backup"
    assert (await run("backup", settings, str(file))).exit_code == 0

    again, onto_a_hub = await run("backup", settings, str(file)), await run("restore", settings, str(file))

    assert (again.exit_code, "is there already" in said(again)) == (1, True)
    assert (onto_a_hub.exit_code, "is not empty" in said(onto_a_hub)) == (1, True)
    assert len(stored(settings, "SELECT * FROM organizations")) == 2


async def test_half_a_backup_leaves_nothing_behind(
    hub: Hub, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    whole, half = tmp_path / "hub.backup", tmp_path / "half.backup"
    await run("backup", settings, str(whole))
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    refused = await run("restore", elsewhere, str(half))

    assert (refused.exit_code, "is not whole" in said(refused)) == (1, True), refused.stderr
    assert [path.name for path in elsewhere.data_dir.iterdir()] == ["hub.lock"]
    assert (await run("restore", elsewhere, str(whole))).exit_code == 0


def of_another_row(whole: bytes) -> bytes:
    """Return the same backup with a bit of a row changed, and what else it is read by as it was."""
    content = bytearray(gzip.decompress(whole))
    content[content.index(b'"id":"') + 8] ^= 1
    return gzip.compress(content)[:-8] + whole[-8:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "without its checksum": lambda whole: whole[:-8],
    "longer": lambda whole: whole + b"and more",
    "with another checksum": lambda whole: whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:],
    "with another row": of_another_row,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_backup_of_which_one_bit_is_another_is_not_restored(
    hub: Hub, alice: Person, elsewhere: Settings, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    async with third_party() as shop:
        await furnish(hub, alice, shop.url)
    whole, damaged = tmp_path / "hub.backup", tmp_path / "damaged.backup"
    await run("backup", hub.settings, str(whole))
    damaged.write_bytes(damage(whole.read_bytes()))

    refused = await run("restore", elsewhere, str(damaged))

    assert (refused.exit_code, "is not whole" in said(refused)) == (1, True), refused.stderr
    assert [path.name for path in elsewhere.data_dir.iterdir()] == ["hub.lock"]
    assert (await run("restore", elsewhere, str(whole))).exit_code == 0


def with_another(whole: Path, changed: Path, name: str, content: bytes) -> None:
    """Write the same backup with one other file, as nobody but its owner could."""
    with tarfile.open(whole) as old, tarfile.open(changed, "w:gz") as new:
        for entry in old:
            kept = old.extractfile(entry)
            if entry.name.startswith(name):
                entry.size, kept = len(content), io.BytesIO(content)
            new.addfile(entry, kept)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tables/users.jsonl", b'{"id":"1"}\n'),
        ("tables/users.jsonl", b"[1]\n"),
        ("tables/tasks.jsonl", b"no JSON\n"),
        ("backup.json", b"[]"),
        ("backup.json", b"{}"),
    ],
)
async def test_tables_that_hold_something_else_leave_nothing_behind(
    hub: Hub, elsewhere: Settings, tmp_path: Path, name: str, content: bytes
) -> None:
    whole, changed = tmp_path / "hub.backup", tmp_path / "changed.backup"
    await run("backup", hub.settings, str(whole))
    with_another(whole, changed, name, content)

    refused = await run("restore", elsewhere, str(changed))

    assert (refused.exit_code, "no backup of a hub" in said(refused)) == (1, True), refused.stderr
    assert [path.name for path in elsewhere.data_dir.iterdir()] == ["hub.lock"]
    assert (await run("restore", elsewhere, str(whole))).exit_code == 0


async def test_a_connector_whose_files_were_lost_keeps_nothing_else_from_coming_back(
    hub: Hub, alice: Person, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    async with third_party() as shop:
        await furnish(hub, alice, shop.url)
    for bundle in (settings.data_dir / "bundles").iterdir():
        shutil.rmtree(bundle)
    stored(settings, "DELETE FROM contents") if IS_POSTGRES else None
    await run("backup", settings, str(tmp_path / "hub.backup"))

    restored = await run("restore", elsewhere, str(tmp_path / "hub.backup"))

    assert (restored.exit_code, "Deploy again: shop 1.0" in said(restored)) == (0, True), restored.stderr
    assert len(stored(elsewhere, "SELECT * FROM users")) == len(stored(settings, "SELECT * FROM users"))


async def test_places_that_cannot_be_written_are_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    in_a_file = settings.model_copy(update={"data_dir": tmp_path / "file" / "hub"})

    nowhere = await run("backup", settings, str(tmp_path / "nowhere" / "hub.backup"))
    migrated = await run("migrate", in_a_file)

    assert (nowhere.exit_code, "there is no folder" in said(nowhere)) == (1, True)
    assert (migrated.exit_code, "cannot be written" in said(migrated)) == (1, True)


@pytest.mark.parametrize(
    "stranger",
    [
        {"name": "../beside"},
        {"name": "/tmp/beside"},
        {"name": "bundles/link", "type": tarfile.SYMTYPE, "linkname": "../../beside"},
        {"name": "bundles/link", "type": tarfile.LNKTYPE, "linkname": "/etc/hostname"},
        {"name": "bundles/pipe", "type": tarfile.FIFOTYPE},
        {"name": "hub.json"},
    ],
)
async def test_what_no_backup_holds_is_not_unpacked(
    settings: Settings, tmp_path: Path, new_database: Callable[[], str], stranger: dict[str, Any]
) -> None:
    file, place = tmp_path / "hub.backup", tmp_path / "elsewhere"
    with tarfile.open(file, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("hub.json"))
        entry = tarfile.TarInfo()
        for attribute, value in stranger.items():
            setattr(entry, attribute, value)
        archive.addfile(entry)
    elsewhere = settings.model_copy(update={"data_dir": place, "database": new_database()})

    refused = await run("restore", elsewhere, str(file))

    assert (refused.exit_code, "Error)" in said(refused)) == (1, True), refused.stderr
    assert [path.name for path in place.iterdir()] == ["hub.lock"]


async def test_a_hub_that_is_well_passes_every_check(hub: Hub, alice: Person, settings: Settings) -> None:
    async with third_party() as shop:
        await furnish(hub, alice, shop.url)

    exit_code, found = await checks(settings)

    assert exit_code == 0, found
    assert set(found) == {"organizations", "tables", "pages and references", "ledger", "bundles", "secrets"}
    assert found["bundles"]["found"] == "1 connectors, as they were built"


async def test_every_damage_is_found_and_named(hub: Hub, alice: Person, settings: Settings) -> None:
    async with third_party() as shop:
        await furnish(hub, alice, shop.url)
    for bundle in (settings.data_dir / "bundles").iterdir():
        shutil.rmtree(bundle)
    (settings.data_dir / "keys" / "master.key").unlink()
    stored(settings, "UPDATE totals SET tasks = 0")
    stored(settings, "DELETE FROM contents") if IS_POSTGRES else None

    exit_code, found = await checks(settings)

    assert exit_code == 1
    bad = {name for name, one in found.items() if not one["isWell"]}
    assert bad == {"bundles", "ledger", "secrets"}
    assert "shop 1.0" in found["bundles"]["found"]
    assert alice.organization_id in found["ledger"]["found"]
    assert all(found[name]["nextStep"] for name in bad)


@pytest.mark.skipif(IS_POSTGRES, reason="it is about the pages of a file")
async def test_a_damaged_page_is_found(settings: Settings) -> None:
    core = settings.data_dir / "core.db"
    content = bytearray(core.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = os.urandom(4096)
    core.write_bytes(content)

    exit_code, found = await checks(settings)

    assert exit_code == 1
    assert any(not one["isWell"] for one in found.values())


def test_f48_a_migration_that_was_killed_half_way_is_done_again_from_the_start(
    empty_database: str, tmp_path: Path
) -> None:
    killed = subprocess.run([sys.executable, "-c", DIES_HALF_WAY, empty_database], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL

    command = [sys.executable, "-m", "jackfield.cli", "database", "migrate", "--data", str(tmp_path)]
    both = [subprocess.Popen([*command, "--database", empty_database]) for _ in range(2)]  # at the same time

    assert [one.wait(60) for one in both] == [0, 0]
    settings = Settings(data_dir=tmp_path, database=empty_database)
    assert stored_values(settings, "SELECT count(*) FROM organizations") == [(0,)]
    assert b"0001" in all_that_is_stored(settings)


@pytest.mark.skipif(IS_POSTGRES, reason="it is about SQLite's files; Postgres sees to its own")
def test_f15_whatever_moment_the_power_fails_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    program = "from tests.hub.test_ledger import WRITER; exec(WRITER)"
    (tmp_path / "live").mkdir()
    live, acknowledged = tmp_path / "live" / "usage.db", set[str]()
    with subprocess.Popen(
        [sys.executable, "-c", program, str(live)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as writer:
        assert writer.stdout is not None
        for moment in range(12):
            acknowledged |= {writer.stdout.readline().strip() for _ in range(1 + 37 * moment % 211)}
            os.kill(writer.pid, signal.SIGSTOP)
            copy = shutil.copytree(live.parent, tmp_path / f"copy-{moment}", ignore=shutil.ignore_patterns("*-shm"))
            os.kill(writer.pid, signal.SIGCONT)
            with closing(sqlite3.connect(copy / "usage.db")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                there = {task_id for (task_id,) in connection.execute("SELECT task_id FROM tasks")}
                [(counted,)] = connection.execute("SELECT tasks FROM totals")
            assert acknowledged <= there
            assert counted == len(there)
        writer.kill()
