"""What a request can carry, as bytes and a content type: JSON, XML, a form, text, bytes, several parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote, quote_plus
from xml.etree.ElementTree import Element

import orjson

from jackfield.errors import ConnectorError
from jackfield.exchange import Json
from jackfield.markup import XML_TYPE, write_xml

Scalar = str | int | float | bool | None
Fields = Mapping[str, Scalar | Sequence[Scalar]]


@dataclass(frozen=True)
class Upload:
    """A file to send as one part of a multipart body: `Upload("report.pdf", content, "application/pdf")`."""

    name: str
    content: bytes
    content_type: str = "application/octet-stream"


Parts = Mapping[str, Scalar | Upload | Sequence[Scalar | Upload]]


@dataclass(frozen=True)
class Body:
    """A request body. `content_type` is "" when there is nothing to say about it."""

    content: bytes = b""
    content_type: str = ""


def body_of(
    *,
    json: Json = None,
    xml: Element | None = None,
    form: Fields | None = None,
    text: str | None = None,
    content: bytes | None = None,
    multipart: Parts | None = None,
) -> Body:
    """Return the one body that was given. Raises ConnectorError when there are two, or when JSON cannot say it."""
    if sum(given is not None for given in (json, xml, form, text, content, multipart)) > 1:
        raise ConnectorError("A request has one body: give one of json, xml, form, text, content or multipart.")
    if json is not None:
        return Body(_json(json), "application/json")
    if xml is not None:
        return Body(write_xml(xml), XML_TYPE)
    if form is not None:
        return Body(form_text(form).encode(), "application/x-www-form-urlencoded")
    if text is not None:
        return Body(text.encode(errors="replace"), "text/plain; charset=utf-8")
    if content is not None:
        return Body(content, "application/octet-stream")
    return _multipart(multipart) if multipart is not None else Body()


def query_text(fields: Fields) -> str:
    """Return `a=1&b=x%20y`. None is left out, a list repeats its name, true and false are lower case."""
    return "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in _pairs(fields))


def form_text(fields: Fields) -> str:
    """Return the fields as a browser's form sends them: like a query, but with `+` for a space."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in _pairs(fields))


def scalar_text(value: Scalar) -> str:
    """Return how a value is written outside JSON: `true`, `12`, `0.5`; an enum member as its value."""
    if isinstance(value, Enum):
        return scalar_text(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        values = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
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


def _multipart(parts: Parts) -> Body:
    chunks = [_part(name, value) for name, values in parts.items() for value in _as_list(values) if value is not None]
    # Made from the content, so that the same upload is the same request when a recording is replayed.
    boundary = f"jackfield-{hashlib.sha256(b''.join(chunks)).hexdigest()[:32]}"
    opened = b"".join(f"--{boundary}\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    return Body(opened + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}")


def _as_list(values: Scalar | Upload | Sequence[Scalar | Upload]) -> Sequence[Scalar | Upload]:
    return [values] if isinstance(values, str) or not isinstance(values, Sequence) else values


def _part(name: str, value: Scalar | Upload) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(value, Upload):
        kind = _quoted(value.content_type)
        return (
            f'{disposition}; filename="{_quoted(value.name)}"\r\nContent-Type: {kind}\r\n\r\n'.encode() + value.content
        )
    return f"{disposition}\r\n\r\n{scalar_text(value)}".encode()


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
