"""Carrying a request out once: its answer is stored in the very transaction that carries it out.

So there is never a request half done: whoever sends it again while it is carried out waits for that transaction.
"""

from __future__ import annotations

from jackfield_hub.auths import sealing
from jackfield_hub.auths.vault import DoesNotOpen
from jackfield_hub.database import Transaction
from jackfield_hub.hub import Hub
from jackfield_hub.idempotency import store
from jackfield_hub.idempotency.sealing import key_id_of, open_answer, seal_answer
from jackfield_hub.idempotency.shapes import KEPT_SECONDS, AnswerLost, IdempotencyKeyReused, Promise
from jackfield_hub.logs import describe, log


async def find_answer(hub: Hub, tx: Transaction, promise: Promise | None) -> bytes | None:
    """Return how the request was answered the first time, or None.

    Raises IdempotencyKeyReused, AnswerLost, MasterKeyAway.
    """
    if promise is None:
        return None
    known = await store.find_promise(tx, promise, hub.clock() - KEPT_SECONDS)
    if known is None:
        return None
    if known["body_hash"] != promise.body_hash:
        raise IdempotencyKeyReused
    answer = await _opened(hub, tx, promise, known["answer"])
    promise.is_replay = True
    return answer


async def claim(hub: Hub, tx: Transaction, promise: Promise | None) -> bytes | None:
    """Promise in `tx` to carry the request out; or return how it was answered when somebody was quicker.

    Raises IdempotencyKeyReused, AnswerLost, MasterKeyAway. `keep` must follow before the transaction ends.
    """
    if promise is None:
        return None
    now = hub.clock()
    await store.forget_old(tx, promise.organization_id, now - KEPT_SECONDS)
    if await store.insert_promise(tx, promise, now):
        return None
    return await find_answer(hub, tx, promise)


async def keep(hub: Hub, tx: Transaction, promise: Promise | None, answer: bytes) -> None:
    """Store the answer, sealed, to be given again. Raises MasterKeyAway."""
    if promise is not None:
        key = await sealing.newest_data_key(hub.vault, tx, promise.organization_id, hub.clock())
        await store.set_answer(tx, promise, seal_answer(hub.vault, key, promise, answer))


async def _opened(hub: Hub, tx: Transaction, promise: Promise, kept: bytes) -> bytes:
    key = await sealing.find_data_key(tx, promise.organization_id, key_id_of(kept))
    try:
        return open_answer(hub.vault, key, promise, kept)
    except DoesNotOpen as failure:
        log.error("kept_answer_does_not_open", **describe(failure))
        raise AnswerLost from None
