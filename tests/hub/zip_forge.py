"""Make zip archives byte by byte, wrong in exactly the way a test asks for."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONNECTOR_JSON: dict[str, Any] = {
    "name": "acme",
    "version": "1.0",
    "title": "Acme",
    "description": "A shop.",
    "service": {"name": "acme", "version": "1"},
    "tags": ["service"],
    "isTrigger": False,
    "rawHttp": {"enabled": False},
}


@dataclass(frozen=True)
class Part:
    """One entry. What is None is told truthfully; what is given is what the archive claims."""

    name: str | bytes
    content: bytes = b""
    method: int = 8
    flags: int = 0
    mode: int = 0o100644
    packed: bytes | None = None
    checksum: int | None = None
    size: int | None = None
    packed_size: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    header_at: int | None = None
    disk: int = 0
    extra: bytes = b""
    descriptor: bytes = b""

    @property
    def raw_name(self) -> bytes:
        return self.name if isinstance(self.name, bytes) else self.name.encode()

    @property
    def packed_bytes(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.content) if self.method == 8 else self.content


def deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def connector_json(**changes: Any) -> bytes:
    """Return a good connector.json with some fields changed; None removes one."""
    return json.dumps({key: value for key, value in (CONNECTOR_JSON | changes).items() if value is not None}).encode()


def good_parts(*more: Part, top: str = "acme/", metadata: bytes | None = None) -> list[Part]:
    """Return the entries of a good connector, and more."""
    return [Part(f"{top}connector.json", connector_json() if metadata is None else metadata), *more]


def forge(
    parts: Sequence[Part],
    *,
    before: bytes = b"",
    between: bytes = b"",
    before_directory: bytes = b"",
    after: bytes = b"",
    comment: bytes = b"",
    end: Mapping[str, int] | None = None,
) -> bytes:
    """Return the archive. `end` overrides fields of the end record: disk, here, count, size, start."""
    body, directory = bytearray(before), bytearray()
    for part in parts:
        header_at = len(body) if part.header_at is None else part.header_at
        body += _local(part) + part.packed_bytes + part.descriptor + between
        directory += _central(part, header_at)
    body += before_directory
    fields = {"disk": 0, "here": len(parts), "count": len(parts), "size": len(directory), "start": len(body)}
    fields |= end or {}
    record = struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        fields["disk"],
        0,
        fields["here"],
        fields["count"],
        fields["size"],
        fields["start"],
        len(comment),
    )
    return bytes(body + directory + record + comment) + after


def _claims(part: Part) -> tuple[int, int, int]:
    checksum = zlib.crc32(part.content) if part.checksum is None else part.checksum
    packed_size = len(part.packed_bytes) if part.packed_size is None else part.packed_size
    return checksum, packed_size, len(part.content) if part.size is None else part.size


def _local(part: Part) -> bytes:
    name = part.raw_name if part.local_name is None else part.local_name
    checksum, packed_size, size = (0, 0, 0) if part.flags & 8 else _claims(part)
    size = size if part.local_size is None else part.local_size
    fields = (
        b"PK\x03\x04",
        20,
        part.flags,
        part.method,
        0,
        33,
        checksum,
        packed_size,
        size,
        len(name),
        len(part.extra),
    )
    return struct.pack("<4s5H3L2H", *fields) + name + part.extra


def _central(part: Part, header_at: int) -> bytes:
    name = part.raw_name
    sizes = (*_claims(part), len(name), len(part.extra), 0)
    fields = (
        b"PK\x01\x02",
        0x0314,
        20,
        part.flags,
        part.method,
        0,
        33,
        *sizes,
        part.disk,
        0,
        part.mode << 16,
        header_at,
    )
    return struct.pack("<4s6H3L5H2L", *fields) + name + part.extra
