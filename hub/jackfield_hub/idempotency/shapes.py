"""`Idempotency-Key`: what a client sends so that it may send a request again, and what it is told then.

IdempotencyKeyReused 422     the key was sent with another request
IdempotencyInProgress 409    the first request is still being carried out
AnswerLost            409    the first request was carried out, and nobody knows any more how it was answered
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from jackfield_hub.errors import Conflict, InvalidInput, Refused
from jackfield_hub.identity.shapes import Caller

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
KEPT_SECONDS = 24 * 3600.0
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class IdempotencyKeyReused(Refused):
    """The key belongs to another request. Nothing was carried out."""

    status = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was sent with another request before; choose a new one for each request")


class IdempotencyInProgress(Conflict):
    """The first request with this key is still being carried out. Nothing more was."""

    code = "idempotency_in_progress"

    def __init__(self) -> None:
        message = "The first request with this Idempotency-Key is still being carried out; ask again for its outcome"
        super().__init__(message, {"Retry-After": "1"})


class AnswerLost(Conflict):
    """The first request was carried out, but its answer was sealed with a key this hub does not have any more."""

    code = "answer_lost"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key was carried out, but its answer is lost; look what came of it"
        )


@dataclass(slots=True)
class Promise:
    """That a request with this key is carried out once. Keys of two people have nothing to do with each other.

    Neither the key nor what the request says can be found out from what is stored: the one is the secret of the
    other's hash.
    """

    organization_id: str
    actor: str  #: who sent it: a user's id, or "master"
    route: str
    key_hash: str
    body_hash: str
    is_replay: bool = False  #: the answer is one that was given before


def promise_for(caller: Caller, route: str, key: str | None, *said: bytes) -> Promise | None:
    """Return what a key asks for; None without one. `said` is all the request says. Raises InvalidInput."""
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidInput(f"Invalid value for: header {KEY_HEADER} (1 to 255 visible ASCII characters)")
    body = hmac.new(key.encode(), digestmod="sha256")
    for part in said:
        body.update(len(part).to_bytes(8) + part)
    return Promise(
        organization_id=caller.organization_id,
        actor=caller.user_id or "master",
        route=route,
        key_hash=hashlib.sha256(key.encode()).hexdigest(),
        body_hash=body.hexdigest(),
    )
