"""What connectors keep is sealed: nobody reads it in the database, and it opens only where it was kept."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jackfield_hub.auths.vault import Vault
from jackfield_hub.hub import Hub, open_hub
from jackfield_hub.settings import Settings
from tests.conftest import Ground
from tests.hub.people import Person, front_door
from tests.hub.shop import put_in_place
from tests.hub.stored import all_that_is_stored, stored, stored_values
from tests.hub.test_backups import checks, elsewhere, run
from tests.hub.test_rotation import newest_key, rotate
from tests.hub.test_storage import CODE, ask, refusal

__all__ = ["elsewhere"]  # a fixture
AWAY = ("PlatformError", "This hub cannot reach its master key; try again in a moment.")
SHUT = ("PlatformError", "What is kept here does not open: it was sealed with a key this hub has not.")


@pytest.fixture
async def alices(hub: Hub, ground: Ground, alice: Person) -> Person:
    await put_in_place(hub, ground.alices.id, "", code=CODE)
    return alice


def swap(settings: Settings, table: str, name: str, one: Any, other: Any) -> None:
    """Put what is sealed in one row into the other one, and the other way round."""
    rows = {row[name]: row["content"] for row in stored(settings, f"SELECT {name}, content FROM {table}")}
    for to, source in ((one, other), (other, one)):
        stored(settings, f"UPDATE {table} SET content = $1 WHERE {name} = $2", rows[source], to)


async def test_what_is_kept_cannot_be_read_from_the_database(alices: Person, settings: Settings) -> None:
    await ask(alices, "set", "plan", {"note": "plain-text-of-a-value"})
    await ask(alices, "append", "log", "plain-text-of-a-list")
    await ask(alices, "push", "orders", "plain-text-of-a-queue")

    everything = all_that_is_stored(settings)

    assert b"orders" in everything, "names of values and queues are not sealed"
    assert b"plain-text" not in everything
    assert await ask(alices, "get", "plan") == {"note": "plain-text-of-a-value"}
    assert await ask(alices, "take", "orders") == "plain-text-of-a-queue"


async def test_a_value_opens_only_under_its_own_key(alices: Person, settings: Settings) -> None:
    await ask(alices, "set", "mine", "a")
    await ask(alices, "set", "yours", "b")
    swap(settings, "stored_values", "key", "mine", "yours")

    for method in ("get", "append"):
        assert await refusal(alices, method, "mine", "x") == SHUT
    assert (await checks(settings))[1]["secrets"]["isWell"] is False

    await ask(alices, "set", "mine", "c")
    assert await ask(alices, "delete", "yours") is True
    assert await ask(alices, "get", "mine") == "c"


async def test_what_waits_in_a_queue_opens_only_in_its_place(alices: Person, settings: Settings) -> None:
    for item in ("a", "b"):
        await ask(alices, "push", "orders", item)
    swap(settings, "queued_values", "version", *(1, 2))

    assert await refusal(alices, "take", "orders") == SHUT
    assert (await checks(settings))[1]["secrets"]["isWell"] is False


async def test_what_is_kept_outlives_a_change_of_keys(alices: Person, settings: Settings) -> None:
    await ask(alices, "set", "a key of three words", "kept")
    for item in range(3):
        await ask(alices, "push", "orders to be sent", item)

    for _ in range(2):
        code, said = await rotate(settings)
        assert code == 0, said

    tables = ("stored_values", "queued_values")
    keys = [stored_values(settings, f"SELECT DISTINCT key_id FROM {table}") for table in tables]
    assert keys == [[newest_key(settings, alices)]] * 2
    assert (await checks(settings))[1]["secrets"]["isWell"]
    assert await ask(alices, "get", "a key of three words") == "kept"
    assert [await ask(alices, "take", "orders to be sent") for _ in range(3)] == [0, 1, 2]


async def test_while_the_master_key_is_away_what_is_open_is_read_and_nothing_new_is_kept(
    hub: Hub, alices: Person, settings: Settings
) -> None:
    await ask(alices, "set", "plan", 1)
    await ask(alices, "push", "orders", 1)
    (settings.data_dir / "keys" / "master.key").unlink()

    assert await ask(alices, "get", "plan") == 1
    for method in ("set", "add", "push"):
        assert await refusal(alices, method, "plan", 2) == AWAY
    assert await ask(alices, "take", "orders") == 1

    hub.vault = Vault(hub.vault.wrap)  # one that has opened nothing lately
    assert await refusal(alices, "get", "plan") == AWAY
    assert await ask(alices, "delete", "plan") is True


async def test_how_much_is_kept_does_not_depend_on_the_seals(alices: Person, settings: Settings) -> None:
    weight = "SELECT entries, bytes FROM storages"
    await ask(alices, "set", "plan", "x" * 98)
    await ask(alices, "push", "orders", "x" * 48)
    assert stored_values(settings, weight) == [(2, 150)]

    await ask(alices, "set", "plan", "x" * 8)
    await ask(alices, "take", "orders")

    assert stored_values(settings, weight) == [(1, 10)]


async def test_what_is_kept_comes_along_in_a_backup(
    hub: Hub, alices: Person, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    await ask(alices, "set", "plan", "kept")
    await ask(alices, "push", "orders", "waiting")
    for (digest,) in stored_values(settings, "SELECT DISTINCT bundle_digest FROM connectors"):
        await hub.bundles.share(digest)

    for command, place in (("backup", settings), ("restore", elsewhere)):
        done = await run(command, place, str(tmp_path / "hub.backup"))
        assert done.exit_code == 0, done.stderr

    shutil.copytree(settings.data_dir / "keys", elsewhere.data_dir / "keys", dirs_exist_ok=True)
    async with open_hub(elsewhere) as other, front_door(other) as session:
        moved = replace(alices, session=session)
        assert await ask(moved, "get", "plan") == "kept"
        assert await ask(moved, "take", "orders") == "waiting"
