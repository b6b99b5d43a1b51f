"""The vault: a secret opens where it was sealed, and nowhere else."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from jackfield_hub.auths.master_key import MasterKeyMistake
from jackfield_hub.auths.vault import DoesNotOpen, SealedKey, Spot, Vault

SPOT = Spot("org-alice", "auth-1", "credentials")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path / "keys" / "master.key")


@pytest.fixture
def key(vault: Vault) -> SealedKey:
    return vault.new_data_key("org-alice")


def test_what_was_sealed_opens_in_its_own_spot(vault: Vault, key: SealedKey) -> None:
    sealed = vault.seal(key, SPOT, b"hunter2")

    assert vault.unseal(key, SPOT, sealed) == b"hunter2"
    assert b"hunter2" not in sealed


def test_the_same_secret_never_looks_the_same_twice(vault: Vault, key: SealedKey) -> None:
    assert vault.seal(key, SPOT, b"hunter2") != vault.seal(key, SPOT, b"hunter2")


@pytest.mark.parametrize("moved", [{"row_id": "auth-2"}, {"field": "user_data"}, {"organization_id": "org-charlie"}])
def test_a_sealed_text_moved_elsewhere_does_not_open(vault: Vault, key: SealedKey, moved: dict[str, str]) -> None:
    sealed = vault.seal(key, SPOT, b"hunter2")

    with pytest.raises(DoesNotOpen):
        vault.unseal(key, SPOT._replace(**moved), sealed)


def test_charlies_key_does_not_open_what_alice_sealed(vault: Vault, key: SealedKey) -> None:
    sealed = vault.seal(key, SPOT, b"hunter2")
    charlies = vault.new_data_key("org-charlie")

    for wrong in (charlies, replace(charlies, organization_id="org-alice"), replace(key, key_id=charlies.key_id)):
        with pytest.raises(DoesNotOpen):
            vault.unseal(wrong, SPOT, sealed)


def test_a_changed_byte_anywhere_is_noticed(vault: Vault, key: SealedKey) -> None:
    sealed = vault.seal(key, SPOT, b"hunter2")

    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(DoesNotOpen):
            vault.unseal(key, SPOT, bytes(changed))
    for length in range(len(sealed)):
        with pytest.raises(DoesNotOpen):
            vault.unseal(key, SPOT, sealed[:length])


def test_the_key_file_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"

    sealing = Vault.open(path)
    key = sealing.new_data_key("org-alice")
    sealed = sealing.seal(key, SPOT, b"hunter2")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["master.key"]
    assert Vault.open(path).unseal(key, SPOT, sealed) == b"hunter2"


def test_two_hubs_starting_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"

    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(Vault.open, [path] * 8))

    key = vaults[0].new_data_key("org-alice")
    sealed = vaults[0].seal(key, SPOT, b"hunter2")
    assert {vault.unseal(key, SPOT, sealed) for vault in vaults} == {b"hunter2"}


def test_another_master_key_opens_nothing(tmp_path: Path, vault: Vault, key: SealedKey) -> None:
    sealed = vault.seal(key, SPOT, b"hunter2")

    with pytest.raises(DoesNotOpen):
        Vault.open(tmp_path / "other.key").unseal(key, SPOT, sealed)


def test_a_key_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    Vault.open(path)
    path.chmod(0o644)

    with pytest.raises(MasterKeyMistake, match=r"chmod 600 .*master\.key"):
        Vault.open(path)


def test_half_a_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    Vault.open(path)
    path.write_bytes(path.read_bytes()[:16])

    with pytest.raises(MasterKeyMistake, match="32 bytes"):
        Vault.open(path)
