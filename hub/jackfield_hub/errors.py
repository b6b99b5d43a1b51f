"""Requests that cannot be served, and what they are answered.

Every answer that is not a 2xx is JSON with a text `message`, and a `code` a program can look at.

    Refused
    ├── InvalidInput 400    ├── Unauthorized 401   ├── Forbidden 403   ├── NotFound 404
    ├── WrongMethod 405     ├── Conflict 409       ├── TooLarge 413    ├── RateLimited 429
    ├── HeadTooLarge 431    ├── Broken 500         └── Unavailable 503
                                                   NotFound ── UnknownUser      Conflict ── UserExists

A call that was run and failed is not one of these: it is a result (jackfield.errors).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson


class Refused(Exception):
    """The request cannot be served. Raise the most precise subclass; the message says what to do next."""

    status: ClassVar[int] = 400
    code: ClassVar[str | None] = None

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = dict(headers or {})

    def to_json(self) -> dict[str, str]:
        """Return the answer's body: `{"message": "…", "code": "…"}`, or only the message."""
        return {"message": self.message} if self.code is None else {"message": self.message, "code": self.code}

    def to_bytes(self) -> bytes:
        return orjson.dumps(self.to_json())


class InvalidInput(Refused):
    """The request is not what this address takes."""

    status = 400
    code = "invalid_input"


class Unauthorized(Refused):
    """No token, or one that is unknown, expired or revoked. They are told apart by nobody outside."""

    status = 401

    def __init__(self) -> None:
        super().__init__("The request is unauthorized", {"WWW-Authenticate": "Bearer"})


class Forbidden(Refused):
    """A good token, but not one for this."""

    status = 403
    code = "forbidden"

    def __init__(self, message: str = "The request is forbidden") -> None:
        super().__init__(message)


class NotFound(Refused):
    """There is no such thing, or it belongs to somebody else."""

    status = 404
    code = "not_found"


class UnknownUser(NotFound):
    """The organization has no end user with this id."""

    code = "user_does_not_exist"

    def __init__(self) -> None:
        super().__init__("There is no end user with this id")


class WrongMethod(Refused):
    """The address exists, but not for this method."""

    status = 405
    code = "wrong_method"


class Conflict(Refused):
    """It exists already, or something else still needs it."""

    status = 409
    code = "conflict"


class UserExists(Conflict):
    """The organization has an end user with this external id."""

    code = "user_already_exists"

    def __init__(self) -> None:
        super().__init__("There is a user with this external id already; use that one")


class TooLarge(Refused):
    """More bytes than this hub takes."""

    status = 413
    code = "too_large"


class RateLimited(Refused):
    """Too many requests in too little time."""

    status = 429
    code = None  # the public API has only a message here


class HeadTooLarge(Refused):
    """The headers or the query hold more bytes than this hub reads."""

    status = 431
    code = "head_too_large"


class Broken(Refused):
    """We failed. What happened is in the log, under the request id; the answer says no more than that."""

    status = 500
    code = "internal_error"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"Something went wrong on our side; the log of the hub says more about request {request_id}")


class Unavailable(Refused):
    """The hub is full or stopping; the same request will work a little later."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, retry_after_seconds: int = 1) -> None:
        super().__init__(message, {"Retry-After": str(retry_after_seconds)})


def refusals(*kinds: type[Refused]) -> dict[int | str, dict[str, Any]]:
    """Return what a route says about its refusals in /openapi.json, for example `{404: {"description": "…", …}}`."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in (Unauthorized, *kinds):
        by_status[kind.status] = {"description": kind.__doc__ or "", "content": _REFUSAL_CONTENT}
    return by_status


_REFUSAL_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
REFUSAL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Refusal",
    "required": ["message"],
    "properties": {
        "message": {"type": "string", "description": "What was wrong, and what to do next."},
        "code": {"type": "string", "nullable": True, "description": "The same for programs."},
    },
}
