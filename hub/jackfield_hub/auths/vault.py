"""The vault: what is secret is sealed before it is stored.

    master key (a file, 0600) ─ seals → data key (one row an organization) ─ seals → one field of one auth

A sealed text opens only where it was sealed: organization, auth, field and key are part of it (AES-256-GCM, additional
data). Moved to another row, another field or another organization, it does not open.
"""

import os
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = b"\x01"  # the first byte of everything sealed: how to read the rest
OPEN_KEYS = 1000


class DoesNotOpen(Exception):
    """This was sealed with another key, for another place, or was changed since."""


class KeyFileBroken(Exception):
    """The master key file cannot be used; the message names it and says how to mend it."""


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A data key as it is stored: only the master key opens it."""

    key_id: str
    organization_id: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a secret is kept: a field of an auth of an organization."""

    organization_id: str
    auth_id: str
    field: str


class Vault:
    """Seals and opens. It knows the master key and no database: data keys are handed to it sealed."""

    def __init__(self, master_key: bytes) -> None:
        self._master = AESGCM(master_key)
        self._data_keys: OrderedDict[SealedKey, AESGCM] = OrderedDict()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the vault of this key file; make the file at the first start. Raises KeyFileBroken."""
        if not path.exists():
            _create_key_file(path)
        if path.stat().st_mode & 0o077:
            raise KeyFileBroken(f"{path} can be read by others; run: chmod 600 {path}")
        master_key = path.read_bytes()
        if len(master_key) != KEY_BYTES:
            raise KeyFileBroken(f"{path} must hold {KEY_BYTES} bytes; put the original file back")
        return cls(master_key)

    def new_data_key(self, organization_id: str) -> SealedKey:
        """Return a new data key for this organization, sealed."""
        key_id = str(uuid.uuid4())
        sealed = _seal(self._master, os.urandom(KEY_BYTES), _key_place(organization_id, key_id))
        return SealedKey(key_id, organization_id, sealed)

    def seal(self, key: SealedKey, spot: Spot, secret: bytes) -> bytes:
        """Return the secret sealed for this spot. Raises DoesNotOpen when the key is not this vault's."""
        return _seal(self._data_key(key, spot), secret, _place(key, spot))

    def unseal(self, key: SealedKey, spot: Spot, sealed: bytes) -> bytes:
        """Return the secret. Raises DoesNotOpen when it was not sealed with this key for this very spot."""
        return _unseal(self._data_key(key, spot), sealed, _place(key, spot))

    def _data_key(self, key: SealedKey, spot: Spot) -> AESGCM:
        if key.organization_id != spot.organization_id:
            raise DoesNotOpen("the data key belongs to another organization")
        if key not in self._data_keys:
            self._data_keys[key] = AESGCM(
                _unseal(self._master, key.sealed, _key_place(key.organization_id, key.key_id))
            )
            if len(self._data_keys) > OPEN_KEYS:
                self._data_keys.popitem(last=False)
        return self._data_keys[key]


def _create_key_file(path: Path) -> None:
    """Write a new key under another name, then give it its own: a crash leaves no half a key, a race no second one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:  # another process was first: its key is the key
        pass
    finally:
        draft.unlink()
    _write_through(path.parent)


def _write_through(folder: Path) -> None:
    """Have the names in this folder on the disk too: a key file lost in a power cut takes every credential along."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _seal(cipher: AESGCM, secret: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + cipher.encrypt(nonce, secret, place)


def _unseal(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    if sealed[:1] != FORMAT or len(nonce) != NONCE_BYTES:
        raise DoesNotOpen("this is nothing the vault has sealed")
    try:
        return cipher.decrypt(nonce, rest, place)
    except InvalidTag:
        raise DoesNotOpen("sealed with another key, for another place, or changed since") from None


def _place(key: SealedKey, spot: Spot) -> bytes:
    # A JSON list, so that no two different places can be spelled alike.
    return orjson.dumps([spot.organization_id, spot.auth_id, spot.field, key.key_id])


def _key_place(organization_id: str, key_id: str) -> bytes:
    return orjson.dumps([organization_id, key_id])
