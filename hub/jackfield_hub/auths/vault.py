"""The vault: what is secret is sealed before it is stored.

    master key (master_key.py) ─ seals → data key (rows of an organization) ─ seals → one field of one row

A sealed text opens only where it was sealed: organization, row, field and key are part of it (AES-256-GCM, additional
data). Moved to another row, another field or another organization, it does not open.

When whoever has the master key does not answer, what is open stays open for a while, so that calls go on; nothing new
is sealed, and nothing is ever stored as it is.
"""

from __future__ import annotations

import os
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jackfield_hub.auths.master_key import KEY_BYTES, FileKey, MasterKeyMistake, MasterKeys, fingerprint
from jackfield_hub.errors import Unavailable
from jackfield_hub.logs import log

NONCE_BYTES = 12
FINGERPRINT_BYTES = 8
FORMAT = b"\x01"  # the first byte of everything sealed: how to read the rest
SEAL_BYTES = len(FORMAT) + NONCE_BYTES + 16  # how much longer something is once it is sealed
OPEN_KEYS = 1000
OPEN_SECONDS = 3600.0  # how long a data key stays open without anybody asking for the master key again


class MasterKeyAway(Unavailable):
    """Whoever has the master key does not answer: its file is gone, or the key service is."""

    code = "master_key_away"


class DoesNotOpen(Exception):
    """This was sealed with another key, for another place, or was changed since."""


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A data key as it is stored: only the master key opens it."""

    key_id: str
    organization_id: str
    sealed: bytes


class Spot(NamedTuple):
    """Where a secret is kept: a field of a row of an organization."""

    organization_id: str
    row_id: str
    field: str


class KeyWrap(Protocol):
    """Whoever has the master key, and seals data keys with it: this process, or a key service that never shows it.

    Each method raises MasterKeyAway when there is nobody to ask.
    """

    def wrap(self, key: bytes, place: bytes) -> bytes:
        """Return the data key, sealed for this place with the newest master key."""
        ...

    def unwrap(self, sealed: bytes, place: bytes) -> bytes:
        """Return the data key. Raises DoesNotOpen."""
        ...

    def is_newest(self, sealed: bytes) -> bool:
        """Whether this was sealed with the newest master key."""
        ...


class LocalKeyWrap:
    """Master keys that this process may see. The first one seals; all of them open."""

    def __init__(self, keys: MasterKeys) -> None:
        self._keys = keys
        keys.read()  # a key that cannot be used is known at the start, and not at the first secret

    def wrap(self, key: bytes, place: bytes) -> bytes:
        newest = self._read()[0]
        return fingerprint(newest) + _seal(AESGCM(newest), key, place)

    def unwrap(self, sealed: bytes, place: bytes) -> bytes:
        for key in self._read():
            if sealed.startswith(fingerprint(key)):
                return _unseal(AESGCM(key), sealed[FINGERPRINT_BYTES:], place)
        raise DoesNotOpen("sealed with a master key that is not here")

    def is_newest(self, sealed: bytes) -> bool:
        return sealed.startswith(fingerprint(self._read()[0]))

    def _read(self) -> Sequence[bytes]:
        try:
            return self._keys.read()
        except MasterKeyMistake as mistake:  # it was right when we started
            log.error("master_key_away", problem=str(mistake))
            raise MasterKeyAway("This hub cannot reach its master key; try again in a moment", 5) from None


@dataclass(frozen=True, slots=True)
class _OpenKey:
    """A data key, and when it was opened, on the vault's clock."""

    key: SealedKey
    cipher: AESGCM
    opened_at: float


class Vault:
    """Seals and opens. It knows no database: data keys are handed to it sealed, and it remembers the open ones."""

    def __init__(self, wrap: KeyWrap, clock: Callable[[], float] = time.monotonic) -> None:
        self.wrap = wrap
        self._clock = clock
        self._data_keys: OrderedDict[str, _OpenKey] = OrderedDict()  #: by their ids

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the vault of this key file; make the file when there is none. Raises MasterKeyMistake."""
        keys = FileKey(path)
        keys.create()
        return cls(LocalKeyWrap(keys))

    def new_data_key(self, organization_id: str) -> SealedKey:
        """Return a new data key for this organization, sealed."""
        key_id = str(uuid.uuid4())
        sealed = self.wrap.wrap(os.urandom(KEY_BYTES), _key_place(organization_id, key_id))
        return SealedKey(key_id, organization_id, sealed)

    def opens(self, key: SealedKey) -> bool:
        """Whether this vault's master key is the one the data key was sealed with."""
        try:
            self.wrap.unwrap(key.sealed, _key_place(key.organization_id, key.key_id))
        except DoesNotOpen:
            return False
        return True

    def rewrap(self, key: SealedKey) -> SealedKey:
        """Return the same data key, sealed with the newest master key. Raises DoesNotOpen."""
        place = _key_place(key.organization_id, key.key_id)
        return SealedKey(key.key_id, key.organization_id, self.wrap.wrap(self.wrap.unwrap(key.sealed, place), place))

    def seal(self, key: SealedKey, spot: Spot, secret: bytes) -> bytes:
        """Return the secret sealed for this spot. Raises DoesNotOpen when the key is not this vault's."""
        return FORMAT + _seal(self._data_key(key, spot), secret, _place(key, spot))

    def unseal(self, key: SealedKey, spot: Spot, sealed: bytes) -> bytes:
        """Return the secret. Raises DoesNotOpen when it was not sealed with this key for this very spot."""
        if sealed[:1] != FORMAT:
            raise DoesNotOpen("this is nothing the vault has sealed")
        return _unseal(self._data_key(key, spot), sealed[1:], _place(key, spot))

    def check(self, key: SealedKey) -> None:
        """Make sure that the master key is still there for this data key. Raises MasterKeyAway, DoesNotOpen.

        Nothing new is sealed without: what nobody may be able to open again is better not taken.
        """
        self._open(key)

    def hold_open(self, key: SealedKey) -> None:
        """Have this data key open for the next minutes, whatever happens. Raises MasterKeyAway, DoesNotOpen."""
        if self._opened(key, OPEN_SECONDS / 2) is None:
            self._open(key)

    def _data_key(self, key: SealedKey, spot: Spot) -> AESGCM:
        if key.organization_id != spot.organization_id:
            raise DoesNotOpen("the data key belongs to another organization")
        return self._opened(key, OPEN_SECONDS) or self._open(key)

    def _opened(self, key: SealedKey, seconds: float) -> AESGCM | None:
        """Return the data key if it was opened in the last so many seconds."""
        opened = self._data_keys.get(key.key_id)
        if opened is None or self._clock() - opened.opened_at > seconds:
            return None
        return opened.cipher if opened.key is key or opened.key == key else None

    def _open(self, key: SealedKey) -> AESGCM:
        cipher = AESGCM(self.wrap.unwrap(key.sealed, _key_place(key.organization_id, key.key_id)))
        self._data_keys[key.key_id] = _OpenKey(key, cipher, self._clock())
        self._data_keys.move_to_end(key.key_id)
        if len(self._data_keys) > OPEN_KEYS:
            self._data_keys.popitem(last=False)
        return cipher


def _seal(cipher: AESGCM, secret: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, secret, place)


def _unseal(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return cipher.decrypt(nonce, rest, place)
    except (InvalidTag, ValueError):  # ValueError: too short to be anything
        raise DoesNotOpen("sealed with another key, for another place, or changed since") from None


def _place(key: SealedKey, spot: Spot) -> bytes:
    # A JSON list, so that no two different places can be spelled alike.
    return orjson.dumps([spot.organization_id, spot.row_id, spot.field, key.key_id])


def _key_place(organization_id: str, key_id: str) -> bytes:
    return orjson.dumps([organization_id, key_id])
