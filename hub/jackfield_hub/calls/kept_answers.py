"""Answers of calls with an Idempotency-Key: kept for a day, and sealed (idempotency/sealing.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jackfield_hub.auths import sealing
from jackfield_hub.auths.vault import DoesNotOpen, MasterKeyAway, SealedKey, Vault
from jackfield_hub.calls.shapes import KeptCall, PromiseState
from jackfield_hub.hub import Hub
from jackfield_hub.idempotency.sealing import key_id_of, open_answer, seal_answer
from jackfield_hub.idempotency.shapes import Promise
from jackfield_hub.logs import describe, log

_NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Safe:
    """Where the answer of one call will be put."""

    vault: Vault
    key: SealedKey
    promise: Promise

    def seal(self, output: bytes) -> bytes:
        """Return the answer as it may be stored; nothing when the master key has gone away since the call began."""
        try:
            return seal_answer(self.vault, self.key, self.promise, output)
        except MasterKeyAway as failure:
            log.error("answer_not_kept", **describe(failure))
            return b""


async def safe_for(hub: Hub, promise: Promise) -> Safe:
    """Return where the answer can be put. Raises MasterKeyAway: then it is better not to run anything."""
    key = await _find_key(hub, promise.organization_id, _NEWEST)
    if key is None:
        raise MasterKeyAway("This hub has no key to keep the answer with; call without an Idempotency-Key")
    hub.vault.hold_open(key)
    return Safe(hub.vault, key, promise)


async def opened(hub: Hub, promise: Promise, kept: KeptCall) -> KeptCall:
    """Return what is known of the call with its answer open. One that does not open any more is as good as unknown.

    Raises MasterKeyAway.
    """
    if kept.state is not PromiseState.DONE:
        return kept
    key = await _find_key(hub, promise.organization_id, key_id_of(kept.output))
    try:
        return replace(kept, output=open_answer(hub.vault, key, promise, kept.output))
    except DoesNotOpen as failure:
        log.error("kept_answer_does_not_open", **describe(failure))
        return replace(kept, state=PromiseState.UNKNOWN, output=b"")


async def _find_key(hub: Hub, organization_id: str, key_id: str) -> SealedKey | None:
    """Return this data key of an organization, or the newest."""
    place = (organization_id, key_id)
    key, epoch = hub.known_data_keys.find(place), hub.known_data_keys.epoch(organization_id)
    if key is None:
        async with hub.database.reading(organization_id) as tx:
            is_newest = key_id == _NEWEST
            key = await sealing.find_data_key(tx, organization_id, None if is_newest else key_id)
        if key is not None:
            hub.known_data_keys.remember(place, key, epoch)
    return key
