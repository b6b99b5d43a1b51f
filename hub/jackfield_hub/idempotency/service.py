"""Carrying a request out once: its answer is stored in the very transaction that carries it out.

So there is never a request half done: whoever sends it again while it is carried out waits for that transaction.
"""

from __future__ import annotations

from jackfield_hub.database import Transaction
from jackfield_hub.hub import Hub
from jackfield_hub.idempotency import store
from jackfield_hub.idempotency.shapes import KEPT_SECONDS, IdempotencyKeyReused, Promise


async def find_answer(hub: Hub, tx: Transaction, promise: Promise | None) -> bytes | None:
    """Return how the request was answered the first time, or None. Raises IdempotencyKeyReused."""
    if promise is None:
        return None
    known = await store.find_promise(tx, promise, hub.clock() - KEPT_SECONDS)
    if known is None:
        return None
    if known["body_hash"] != promise.body_hash:
        raise IdempotencyKeyReused
    promise.is_replay = True
    return known["answer"]


async def claim(hub: Hub, tx: Transaction, promise: Promise | None) -> bytes | None:
    """Promise in `tx` to carry the request out; or return how it was answered when somebody was quicker.

    Raises IdempotencyKeyReused. `keep` must follow before the transaction ends.
    """
    if promise is None:
        return None
    now = hub.clock()
    await store.forget_old(tx, promise.organization_id, now - KEPT_SECONDS)
    if await store.insert_promise(tx, promise, now):
        return None
    return await find_answer(hub, tx, promise)


async def keep(tx: Transaction, promise: Promise | None, answer: bytes) -> None:
    """Store the answer, to be given again."""
    if promise is not None:
        await store.set_answer(tx, promise, answer)
