"""Keys are changed while the hub works: nothing fails, and nothing is left under the old ones."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from jackfield_hub.auths.master_key import KEY_BYTES, FileKey, MasterKeyMistake, fingerprint
from jackfield_hub.auths.sealing import newest_data_key
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings, read_settings
from tests.hub.light_hub import light_hub
from tests.hub.people import Person
from tests.hub.shop import KEY, put_in_place, third_party
from tests.hub.signed_in import AUTHS
from tests.hub.stored import stored_values

CALL = "/core/v1/connectors/shop/versions/1.0/call"
AUTHS_STORED = 60


async def rotate(settings: Settings, **environment: str) -> tuple[int, str]:
    """Run the command as an operator does; return its exit code and what it said."""
    command = (sys.executable, "-m", "jackfield.cli", "vault", "rotate")
    place = ("--data", str(settings.data_dir), "--database", settings.database_url)
    process = await asyncio.create_subprocess_exec(
        *command, *place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **environment}
    )
    _, said = await process.communicate()
    return process.returncode or 0, said.decode()


def rows(settings: Settings, statement: str) -> list[Any]:
    return stored_values(settings, statement)


def key_file(settings: Settings) -> Path:
    return settings.data_dir / "keys" / "master.key"


async def store_auths(hub: Hub, alice: Person, url: str, count: int) -> list[str]:
    await put_in_place(hub, alice.organization_id, url, sign_in='ApiKey("X-Key")')
    [environment] = (await alice.get("/core/v1/services/shop/versions/1/environments")).json["elements"]
    wanted = {"name": "x", "serviceEnvironmentId": environment["id"], "credentials": {"apiKey": KEY}}
    answers = await asyncio.gather(*(alice.post(AUTHS, wanted) for _ in range(count)))
    return [answer.json["id"] for answer in answers]


async def test_calls_go_on_while_keys_are_changed(hub: Hub, alice: Person, settings: Settings) -> None:
    async with third_party() as shop:
        auth_ids = await store_auths(hub, alice, shop.url, AUTHS_STORED)
        environment_id = (await alice.get(f"{AUTHS}/{auth_ids[0]}")).json["serviceEnvironmentId"]
        before = key_file(settings).read_bytes()
        rotating = asyncio.create_task(rotate(settings))
        seen: list[tuple[int, Any]] = []

        async def use(number: int) -> None:
            body = {"operation": "get_product", "input": {"product_id": 1}}
            answer = await alice.post(CALL, {**body, "authId": auth_ids[number % AUTHS_STORED]})
            seen.append((answer.status, answer.json.get("output", {}).get("signed")))
            wanted = {"name": "y", "serviceEnvironmentId": environment_id, "credentials": {"apiKey": KEY}}
            if number % 10 == 0:
                made = await alice.post(AUTHS, wanted)
                auth_ids.append(made.json["id"])

        number = 0
        while not rotating.done():
            await asyncio.gather(*(use(number + one) for one in range(10)))
            number += 10
        assert (await rotating)[0] == 0, (await rotating)[1]
        hub.known_auths.forget(alice.organization_id)
        await asyncio.gather(*(use(one) for one in range(AUTHS_STORED)))

    assert set(seen) == {(200, True)}
    after = key_file(settings).read_bytes()
    assert (len(after), after != before) == (32, True)
    assert all(
        sealed.startswith(fingerprint(after)) for (sealed,) in rows(settings, "SELECT sealed_key FROM data_keys")
    )
    assert rows(settings, "SELECT DISTINCT key_id FROM auths") == [newest_key(settings, alice)]


async def test_a_rotation_on_a_machine_whose_clock_is_behind_gives_new_keys_all_the_same(
    hub: Hub, alice: Person, settings: Settings
) -> None:
    await store_auths(hub, alice, "https://shop.example", 1)
    rows(settings, "UPDATE data_keys SET created_at = created_at + 3600")
    before = rows(settings, "SELECT DISTINCT key_id FROM auths")

    assert (await rotate(settings))[0] == 0

    after = rows(settings, "SELECT DISTINCT key_id FROM auths")
    assert after == [newest_key(settings, alice)] != before


async def test_who_has_chosen_a_data_key_is_waited_for_before_it_is_replaced(
    hub: Hub, alice: Person, settings: Settings
) -> None:
    [auth_id] = await store_auths(hub, alice, "https://shop.example", 1)
    async with hub.database.transaction(alice.organization_id) as tx:
        await newest_data_key(hub.vault, tx, alice.organization_id, hub.clock())
        rotating = asyncio.create_task(rotate(settings))
        while fingerprints_in(key_file(settings)) != 2:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)  # longer than a rotation gives those who have chosen a key
        assert newest_key(settings, alice) == rows(settings, f"SELECT key_id FROM auths WHERE id = '{auth_id}'")[0]

    assert (await rotating)[0] == 0
    assert rows(settings, "SELECT DISTINCT key_id FROM auths") == [newest_key(settings, alice)]


def newest_key(settings: Settings, person: Person) -> Any:
    own = f"organization_id = '{person.organization_id}'"
    [newest] = rows(settings, f"SELECT id FROM data_keys WHERE {own} ORDER BY created_at DESC LIMIT 1")
    return newest


def fingerprints_in(key_file: Path) -> int:
    return len(key_file.read_bytes()) // KEY_BYTES


async def test_a_hub_that_starts_after_a_rotation_opens_everything(
    hub: Hub, alice: Person, settings: Settings, tmp_path: Path
) -> None:
    [auth_id] = await store_auths(hub, alice, "https://shop.example", 1)
    for _ in range(2):
        code, said = await rotate(settings)
        assert code == 0, said
    copy = tmp_path / "copy"
    shutil.copytree(settings.data_dir, copy)

    async with light_hub(settings.model_copy(update={"data_dir": copy})) as restarted:
        assert restarted.vault is not hub.vault
        sealed = rows(settings, "SELECT sealed_key FROM data_keys")
        assert all(restarted.vault.wrap.is_newest(key) for (key,) in sealed)
    assert (await alice.get(f"{AUTHS}/{auth_id}/full")).json["credentials"] == {"apiKey": KEY}


async def test_data_keys_that_were_replaced_long_ago_are_removed(hub: Hub, alice: Person, settings: Settings) -> None:
    await store_auths(hub, alice, "https://shop.example", 1)
    await rotate(settings)
    rows(settings, "UPDATE data_keys SET created_at = created_at - 30 * 3600")

    await rotate(settings)

    left = rows(settings, f"SELECT id FROM data_keys WHERE organization_id = '{alice.organization_id}'")
    assert len(left) == 2, "the newest, and the one it has just replaced"


async def test_a_rotation_that_was_stopped_is_gone_on_with(hub: Hub, alice: Person, settings: Settings) -> None:
    [auth_id] = await store_auths(hub, alice, "https://shop.example", 1)
    FileKey(key_file(settings)).put_in_front()  # as far as it came

    assert (await rotate(settings))[0] == 0

    assert len(key_file(settings).read_bytes()) == 32
    hub.known_auths.forget(alice.organization_id)
    assert (await alice.get(f"{AUTHS}/{auth_id}/full")).json["credentials"] == {"apiKey": KEY}


def text_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


async def test_the_master_key_may_come_from_the_environment_or_a_command(tmp_path: Path) -> None:
    key, secret = text_key(), tmp_path / "secret"
    secret.write_text(f"{key}\n")
    sources: list[dict[str, str]] = [{"master_key": key}, {"master_key_command": f"cat {secret}"}]

    for source in sources:
        async with light_hub(read_settings(data_dir=tmp_path / "data", **source)) as hub:
            assert hub.vault.new_data_key("o").sealed.startswith(fingerprint(base64.b64decode(key)))
    assert not (tmp_path / "data" / "keys").exists()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ({"master_key": "too short"}, "32 bytes in base64"),
        ({"master_key": text_key(), "master_key_command": "cat x"}, "not both"),
        ({"master_key_command": "false"}, "exit code 1"),
        ({"master_key_command": "/no/such/command"}, "cannot be run"),
        ({"master_key_command": "echo nothing"}, "32 bytes in base64"),
    ],
)
async def test_a_master_key_that_cannot_be_used_is_said_at_the_start(
    tmp_path: Path, source: dict[str, str], problem: str
) -> None:
    with pytest.raises(MasterKeyMistake, match=problem):
        async with light_hub(read_settings(data_dir=tmp_path / "data", **source)):
            pass


async def test_no_key_is_made_where_something_is_sealed_already(hub: Hub, alice: Person, settings: Settings) -> None:
    await store_auths(hub, alice, "https://shop.example", 1)
    key_file(settings).unlink()

    with pytest.raises(MasterKeyMistake, match="put it back"):
        async with light_hub(settings):
            pass
    assert not key_file(settings).exists()


async def test_another_master_key_is_refused_at_the_start(hub: Hub, alice: Person, settings: Settings) -> None:
    await store_auths(hub, alice, "https://shop.example", 1)

    with pytest.raises(MasterKeyMistake, match="another master key"):
        async with light_hub(settings.model_copy(update={"master_key": SecretStr(text_key())})):
            pass


async def test_a_master_key_of_the_environment_is_replaced_by_one_in_front(
    hub: Hub, alice: Person, settings: Settings
) -> None:
    await store_auths(hub, alice, "https://shop.example", 1)
    old, new = base64.b64encode(key_file(settings).read_bytes()).decode(), text_key()

    code, said = await rotate(settings, JACKFIELD_MASTER_KEY=f"{new},{old}")

    assert code == 0, said
    async with light_hub(settings.model_copy(update={"master_key": SecretStr(new)})) as restarted:
        sealed = rows(settings, "SELECT sealed_key FROM data_keys")
        assert all(restarted.vault.wrap.is_newest(key) for (key,) in sealed)


async def test_without_the_old_key_a_rotation_changes_nothing(hub: Hub, alice: Person, settings: Settings) -> None:
    await store_auths(hub, alice, "https://shop.example", 1)
    before = [rows(settings, f"SELECT * FROM {table}") for table in ("auths", "data_keys")]

    code, said = await rotate(settings, JACKFIELD_MASTER_KEY=text_key())

    assert (code, "put that key back" in said) == (1, True)
    assert [rows(settings, f"SELECT * FROM {table}") for table in ("auths", "data_keys")] == before
