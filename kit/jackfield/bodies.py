"""What a request can carry, as bytes and a content type: JSON, XML, a form, text, bytes, a file, several parts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from urllib.parse import quote, quote_plus
from xml.etree.ElementTree import Element

import orjson

from jackfield.errors import ConnectorError
from jackfield.exchange import Json
from jackfield.markup import XML_TYPE, write_xml
from jackfield.shapes import File

Scalar = str | int | float | bool | None
Fields = Mapping[str, Scalar | Sequence[Scalar]]
BYTES_TYPE = "application/octet-stream"
UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")  # as most texts are; to find that out is a tenth of what `quote` takes


@dataclass(frozen=True)
class Upload:
    """A file to send as one part of a multipart body: `Upload("report.pdf", content, "application/pdf")`.

    A `File` can stand there as it is, under its own name.
    """

    name: str
    content: bytes
    content_type: str = BYTES_TYPE


Part = Scalar | Upload | File
Parts = Mapping[str, Part | Sequence[Part]]
Pieces = tuple[bytes | str, ...]


@dataclass(frozen=True)
class Body:
    """A request body. `content_type` is "" when there is nothing to say about it.

    Where files are in it there are `pieces` instead of `content`: bytes, and URLs of files, in order.
    """

    content: bytes = b""
    content_type: str = ""
    pieces: Pieces = ()


def body_of(
    *,
    json: Json = None,
    xml: Element | None = None,
    form: Fields | None = None,
    text: str | None = None,
    content: bytes | None = None,
    file: File | None = None,
    multipart: Parts | None = None,
) -> Body:
    """Return the one body that was given. Raises ConnectorError when there are two, or when JSON cannot say it."""
    if sum(given is not None for given in (json, xml, form, text, content, file, multipart)) > 1:
        raise ConnectorError("A request has one body: give one of json, xml, form, text, content, file or multipart.")
    if json is not None:
        return Body(_json(json), "application/json")
    if xml is not None:
        return Body(write_xml(xml), XML_TYPE)
    if form is not None:
        return Body(form_text(form).encode(), "application/x-www-form-urlencoded")
    if text is not None:
        return Body(text.encode(errors="replace"), "text/plain; charset=utf-8")
    if multipart is not None:
        return _multipart(multipart)
    return _bytes(content, file)


def query_text(fields: Fields) -> str:
    """Return `a=1&b=x%20y`. None is left out, a list repeats its name, true and false are lower case."""
    return "&".join([f"{_in_query(name, safe='[]')}={_in_query(value, safe='')}" for name, value in _pairs(fields)])


def form_text(fields: Fields) -> str:
    """Return the fields as a browser's form sends them: like a query, but with `+` for a space."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in _pairs(fields))


def _in_query(text: str, safe: str) -> str:
    return text if UNRESERVED.fullmatch(text) else quote(text, safe=safe)


def scalar_text(value: Scalar) -> str:
    """Return how a value is written outside JSON: `true`, `12`, `0.5`; an enum member as its value."""
    if type(value) is str:
        return value
    if isinstance(value, Enum):
        return scalar_text(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, str | int):
            pairs.append((name, scalar_text(value)))
            continue
        values = value if isinstance(value, Sequence) else [value]
        pairs += [(name, scalar_text(one)) for one in values if one is not None]
    return pairs


def _json(value: Json) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        raise ConnectorError(
            "The connector tried to send something JSON cannot say: use dictionaries, lists, texts, numbers, "
            "dates and dataclasses, and whole numbers of at most 64 bits."
        ) from None


def _bytes(content: bytes | None, file: File | None) -> Body:
    if file is not None:
        return Body(content_type=file.mime_type or BYTES_TYPE, pieces=(file.url,))
    return Body() if content is None else Body(content, BYTES_TYPE)


def _multipart(parts: Parts) -> Body:
    listed = [_part(name, value) for name, values in parts.items() for value in _as_list(values) if value is not None]
    # Made from the content, so that the same upload is the same request when a recording is replayed. Of files only
    # their names are known here.
    known = b"".join(piece for part in listed for piece in part if isinstance(piece, bytes))
    boundary = f"jackfield-{hashlib.sha256(known).hexdigest()[:32]}"
    pieces: list[bytes | str] = []
    for part in listed:
        pieces += [f"--{boundary}\r\n".encode(), *part, b"\r\n"]
    joined = _joined([*pieces, f"--{boundary}--\r\n".encode()])
    content_type = f"multipart/form-data; boundary={boundary}"
    if len(joined) == 1 and isinstance(joined[0], bytes):
        return Body(joined[0], content_type)
    return Body(content_type=content_type, pieces=joined)


def _joined(pieces: list[bytes | str]) -> Pieces:
    """Return the pieces with neighbouring bytes in one."""
    groups = groupby(pieces, key=lambda piece: isinstance(piece, bytes))
    joined: list[bytes | str] = []
    for _, group in groups:
        together = list(group)
        content = [piece for piece in together if isinstance(piece, bytes)]
        joined += [b"".join(content)] if content else together
    return tuple(joined)


def _as_list(values: Part | Sequence[Part]) -> Sequence[Part]:
    return [values] if isinstance(values, str) or not isinstance(values, Sequence) else values


def _part(name: str, value: Part) -> Pieces:
    disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(value, Upload):
        return _file_head(disposition, value.name, value.content_type), value.content
    if isinstance(value, File):
        return _file_head(disposition, value.name, value.mime_type or BYTES_TYPE), value.url
    return (f"{disposition}\r\n\r\n{scalar_text(value)}".encode(),)


def _file_head(disposition: str, name: str, kind: str) -> bytes:
    return f'{disposition}; filename="{_quoted(name)}"\r\nContent-Type: {_quoted(kind)}\r\n\r\n'.encode()


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
