"""Whoever has the master key is away: calls go on, nothing new is sealed, and nothing is ever stored as it is."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from jackfield.testing_oauth import FakeOAuthProvider
from jackfield_hub.auths.master_key import FileKey, MasterKeyMistake
from jackfield_hub.auths.vault import OPEN_SECONDS, LocalKeyWrap, MasterKeyAway, Spot, Vault
from jackfield_hub.hub import Hub
from jackfield_hub.settings import Settings
from tests.hub.light_hub import light_hub
from tests.hub.people import Person
from tests.hub.shop import KEY, put_in_place, third_party
from tests.hub.signed_in import AUTHS, register, sign_in
from tests.hub.test_dump import is_dumped, spellings

NEW = "n-4712-even-more-secret"
AWAY = (503, "master_key_away", "5")


@pytest.fixture
def provider() -> Generator[FakeOAuthProvider]:
    with FakeOAuthProvider() as provider:
        yield provider


class KeyFile:
    """The file with the master key, which may be taken away and brought back."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / "keys" / "master.key"
        self._elsewhere = self._path.with_name("elsewhere")

    def take_away(self) -> None:
        self._path.rename(self._elsewhere)

    def bring_back(self) -> None:
        self._elsewhere.rename(self._path)


@pytest.fixture
def key_file(settings: Settings) -> KeyFile:
    return KeyFile(settings)


async def environment_of(person: Person) -> str:
    return (await person.get("/core/v1/services/shop/versions/1/environments")).json["elements"][0]["id"]


async def store(person: Person, secret: str) -> Any:
    wanted = {"name": "x", "serviceEnvironmentId": await environment_of(person), "credentials": {"apiKey": secret}}
    return await person.post(AUTHS, wanted)


def refusal(answer: Any) -> tuple[int, str, str]:
    return answer.status, answer.json["code"], answer.headers["Retry-After"]


async def test_stored_auths_go_on_working_and_nothing_new_is_taken(
    hub: Hub, alice: Person, bob: Person, charlie: Person, key_file: KeyFile
) -> None:
    async with third_party() as shop:
        for person in (alice, charlie):
            await put_in_place(hub, person.organization_id, shop.url, sign_in='ApiKey("X-Key")')
        auth_id = (await store(bob, KEY)).json["id"]
        body = {"operation": "get_product", "input": {"product_id": 1}, "authId": auth_id}
        key_file.take_away()

        for _ in range(3):
            answer = await bob.post("/core/v1/connectors/shop/versions/1.0/call", body)
            assert (answer.status, answer.json["output"]["signed"]) == (200, True)
        assert (await bob.get(f"{AUTHS}/{auth_id}/full")).json["credentials"] == {"apiKey": KEY}
        for answer in (
            await store(bob, NEW),
            await store(charlie, NEW),  # of an organization that has no data key yet
            await bob.put(f"{AUTHS}/{auth_id}", {"name": "x", "credentials": {"apiKey": NEW}}),
        ):
            assert refusal(answer) == AWAY
        kept = [path.read_bytes() for path in hub.settings.data_dir.rglob("*") if is_dumped(path)]
        assert not any(spelling in content for content in kept for spelling in spellings(NEW))

        key_file.bring_back()
        assert [(await store(person, NEW)).status for person in (bob, charlie)] == [200, 200]


async def test_what_was_not_opened_yet_waits_for_the_key(
    hub: Hub, alice: Person, bob: Person, key_file: KeyFile
) -> None:
    await put_in_place(hub, alice.organization_id, "https://shop.example", sign_in='ApiKey("X-Key")')
    auth_id = (await store(bob, KEY)).json["id"]
    hub.vault = Vault(hub.vault.wrap)  # as after a restart
    key_file.take_away()

    assert refusal(await bob.get(f"{AUTHS}/{auth_id}/full")) == AWAY
    asked = {"operation": "get_product", "input": {"product_id": 1}, "authId": auth_id}
    assert refusal(await bob.post("/core/v1/connectors/shop/versions/1.0/call", asked)) == AWAY

    key_file.bring_back()
    assert (await bob.get(f"{AUTHS}/{auth_id}/full")).json["credentials"] == {"apiKey": KEY}


@pytest.mark.parametrize("has_courier", [False, True])
async def test_access_tokens_are_renewed_and_no_refresh_token_is_lost(  # noqa: PLR0917
    hub: Hub, alice: Person, bob: Person, key_file: KeyFile, provider: FakeOAuthProvider, has_courier: bool
) -> None:
    hub.settings = hub.settings.model_copy(update={"renewal_courier": has_courier})  # it cannot start without the key
    auth = await sign_in(bob, provider, await register(alice, provider), expiresAt=time.time() - 1)
    key_file.take_away()

    first = await auth.full(forceRefresh="true")
    second = await auth.full(forceRefresh="true")

    assert first["credentials"]["refreshToken"] != second["credentials"]["refreshToken"]
    assert (provider.refreshes, provider.reuses_seen, provider.grants_alive) == (2, 0, 1)


async def test_no_refresh_token_is_spent_whose_successor_could_not_be_sealed(
    hub: Hub, alice: Person, bob: Person, key_file: KeyFile, provider: FakeOAuthProvider
) -> None:
    auth = await sign_in(bob, provider, await register(alice, provider), expiresAt=time.time() - 1)
    hub.vault = Vault(hub.vault.wrap)
    hub.couriers = type(hub.couriers)(hub.settings)
    key_file.take_away()

    assert refusal(await bob.get(f"{AUTHS}/{auth.auth_id}/full?forceRefresh=true")) == AWAY
    assert provider.refreshes == 0

    key_file.bring_back()
    assert (await auth.full(forceRefresh="true"))["credentials"]["accessToken"]
    assert (provider.refreshes, provider.reuses_seen) == (1, 0)


def test_a_data_key_does_not_stay_open_for_ever(tmp_path: Path) -> None:
    moment = [0.0]
    keys = FileKey(tmp_path / "master.key")
    keys.create()
    vault = Vault(LocalKeyWrap(keys), clock=lambda: moment[0])
    key, spot = vault.new_data_key("o"), Spot("o", "row", "field")
    sealed = vault.seal(key, spot, b"secret")
    (tmp_path / "master.key").unlink()

    moment[0] = OPEN_SECONDS - 1
    assert vault.unseal(key, spot, sealed) == b"secret"
    moment[0] = OPEN_SECONDS + 1
    with pytest.raises(MasterKeyAway):
        vault.unseal(key, spot, sealed)


async def test_a_command_that_fails_later_is_no_harm_and_one_that_fails_at_the_start_is_said(tmp_path: Path) -> None:
    key = base64.b64encode(os.urandom(32)).decode()
    (tmp_path / "key").write_text(key)
    told: dict[str, Any] = {"data_dir": tmp_path / "data", "master_key_command": f"cat {tmp_path / 'key'}"}

    async with light_hub(Settings(**told)) as hub:
        sealed = hub.vault.new_data_key("o")
        (tmp_path / "key").unlink()
        assert hub.vault.opens(sealed)
        assert hub.vault.opens(hub.vault.new_data_key("another"))

    with pytest.raises(MasterKeyMistake, match="exit code 1"):
        async with light_hub(Settings(**told)):
            pass
    async with light_hub(Settings(data_dir=tmp_path / "data", master_key=SecretStr(key))) as restarted:
        assert restarted.vault.opens(sealed)
