"""The body of a call. What is wrong with it is said in the words the public API documents."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from jackfield.exchange import JsonObject
from jackfield_hub.json_body import invalid, read_object, shown

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TYPES: dict[str, type] = {"string": str, "object": dict, "boolean": bool}


class AskedCall(NamedTuple):
    """What somebody asks a connector to do."""

    operation: str
    input: JsonObject
    auth_id: str | None = None
    wants_output_schema: bool = False
    size: int = 0  #: of the body it came in, in bytes
    may_name_files: bool = True  #: False: there is no reference to a file in the input, and none needs to be looked for


def read_call(content: bytes) -> AskedCall:
    """Return the call a body asks for. Keys it does not know are passed over. Raises InvalidInput."""
    # A reference has "mime_type" in it. Looking for that takes no time; a backslash and "u" could spell it otherwise.
    may_name_files = b"mime_type" in content or b"\\u" in content
    return call_of(read_object(content), len(content), may_name_files=may_name_files)


def call_of(body: JsonObject, size: int = 0, *, may_name_files: bool = True) -> AskedCall:
    """Return the call an object asks for, which was read as JSON already. Raises InvalidInput."""
    operation, given = _required(body, "operation", "string"), _required(body, "input", "object")
    auth_id = _auth_id(body) if "authId" in body else None
    wants_schema = "returnOutputSchema" in body and _optional(body, "returnOutputSchema", "boolean") is True
    return AskedCall(operation, given, auth_id, wants_schema, size, may_name_files)


def _auth_id(body: JsonObject) -> str | None:
    """Return the auth's id in lower case. A form without a chosen auth sends an empty text: that is none."""
    auth_id = _optional(body, "authId", "string")
    if not auth_id:
        return None
    if not _UUID.fullmatch(auth_id):
        raise invalid("Couldn't decode a valid UUID at 'authId'")
    return auth_id.lower()


def _required(body: JsonObject, name: str, kind: str) -> Any:
    if name not in body:
        raise invalid(f"Missing required field at '{name}'")
    return _typed(body[name], name, kind)


def _optional(body: JsonObject, name: str, kind: str) -> Any:
    value = body.get(name)
    return None if value is None else _typed(value, name, kind)


def _typed(value: Any, name: str, kind: str) -> Any:
    if not isinstance(value, _TYPES[kind]):
        raise invalid(f"Got value '{shown(value)}' with wrong type, expecting {kind} at '{name}'")
    return value
