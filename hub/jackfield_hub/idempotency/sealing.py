"""Answers that may be given again are sealed, for they may hold anything.

    id of the data key │ the answer, sealed for this promise and no other

A rotation does not seal them anew: a data key it has replaced is kept longer than they are (auths/rotation.py).
"""

from __future__ import annotations

from jackfield_hub.auths.vault import DoesNotOpen, SealedKey, Spot, Vault
from jackfield_hub.idempotency.shapes import Promise

ID_BYTES = 36
FIELD = "answer"


def seal_answer(vault: Vault, key: SealedKey, promise: Promise, answer: bytes) -> bytes:
    """Return an answer as it may be stored. Raises MasterKeyAway."""
    return key.key_id.encode() + vault.seal(key, _spot(promise), answer)


def key_id_of(kept: bytes) -> str:
    """Return which data key an answer was sealed with."""
    return kept[:ID_BYTES].decode(errors="replace")


def open_answer(vault: Vault, key: SealedKey | None, promise: Promise, kept: bytes) -> bytes:
    """Return the answer. `key` is the one it was sealed with, if it is there. Raises DoesNotOpen, MasterKeyAway."""
    if key is None:
        raise DoesNotOpen("its key is not here")
    return vault.unseal(key, _spot(promise), kept[ID_BYTES:])


def _spot(promise: Promise) -> Spot:
    return Spot(promise.organization_id, f"{promise.actor} {promise.key_hash} {promise.body_hash}", FIELD)
