"""What went wrong with a document, as clients read it: `errors[]` with typed extensions, and never somebody's input.

GraphQLError       the document itself: its syntax, its types, its size, a value that does not fit
PreconditionError  something it names is missing, there already, or not theirs; `code` says which
InternalError      we failed; `errorId` is the id of the request, to be found in the log
"""

from __future__ import annotations

import re

from graphql import GraphQLError

from jackfield.exchange import JsonObject
from jackfield_hub.clock import written_out
from jackfield_hub.errors import (
    Broken,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    UnknownUser,
    UserExists,
)
from jackfield_hub.logs import describe, log

MAX_MESSAGE_CHARACTERS = 500
_SERVER_STATUS = 500

_PRECONDITIONS: tuple[tuple[type[Refused], str], ...] = (  # the most precise first
    (UserExists, "user_already_exists"),
    (UnknownUser, "user_does_not_exist"),
    (Conflict, "resource_already_exists"),
    (NotFound, "resource_does_not_exist"),
    (Forbidden, "access_not_allowed"),
    (Unauthorized, "access_not_allowed"),
    (RateLimited, "access_not_allowed"),
)

# How the library repeats a value that does not fit. It may be a password.
_REPEATED_VALUE = re.compile(
    r"(?P<before>cannot represent [^:]*)(: .*)"
    r"|(, but encountered error .*)"
    r"|([,;.?]* [fF]ound: .*)",
    re.DOTALL,
)
_REPEATED_TOKEN = re.compile(r"\b(String|BlockString) '.*", re.DOTALL)


def to_json(problem: GraphQLError, request_id: str, now: float) -> JsonObject:
    """Return one entry of `errors`."""
    shown: JsonObject = {"message": _message(problem, request_id)[:MAX_MESSAGE_CHARACTERS]}
    if problem.path is not None:
        shown["path"] = problem.path
    if problem.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in problem.locations]
    shown["extensions"] = {**_kind(problem, request_id), "time_thrown": written_out(now)}
    return shown


def _message(problem: GraphQLError, request_id: str) -> str:
    cause = _cause(problem)
    if cause is None:
        return without_values(problem.message)
    return cause.message if isinstance(cause, Refused) else Broken(request_id).message


def _kind(problem: GraphQLError, request_id: str) -> JsonObject:
    cause = _cause(problem)
    if cause is None:
        code = (problem.extensions or {}).get("code")
        return {"name": "GraphQLError", "code": code} if code else {"name": "GraphQLError"}
    if not isinstance(cause, Refused):
        log.error("graphql_broke", request_id=request_id, **describe(cause))
        return {"name": "InternalError", "code": Broken.code, "errorId": request_id}
    for kind, code in _PRECONDITIONS:
        if isinstance(cause, kind):
            return {"name": "PreconditionError", "code": code}
    if cause.status >= _SERVER_STATUS:
        return {"name": "InternalError", "code": cause.code, "errorId": request_id}
    return {"name": "GraphQLError", "code": cause.code}


def _cause(problem: GraphQLError) -> Exception | None:
    """Return what was raised further in; None when the document itself is at fault."""
    if problem.nodes and problem.path is None:
        return None  # nothing was run yet: the library points at a place in the document
    cause = problem.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def without_values(message: str) -> str:
    """Return a message of the library without the values it repeats.

    `String cannot represent a non string value: {pin: 1234}` → `String cannot represent a non string value`
    """
    message = _REPEATED_VALUE.sub(lambda found: found["before"] or "", message)
    return _REPEATED_TOKEN.sub(r"\1", message)
