"""Read a zip archive that somebody hostile may have made, and believe nothing it says about itself.

Python's own reader forgives: it skips what comes before the archive, cuts names at a NUL, lets entries overlap. This
one takes only an archive that is wholly accounted for:

    | entry | entry | … | central directory | end record, comment |
    0                                                            len(data)
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from jackfield_hub.deployments.refusals import (
    BrokenZip,
    EncryptedZip,
    NotAPlainFile,
    NotAZip,
    TooBigUnpacked,
    TooManyFiles,
    UnknownCompression,
    UnsafeName,
)

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_MARK, _CENTRAL_MARK, _LOCAL_MARK = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_LONGEST_COMMENT = 0xFFFF
_ZIP64 = 0xFFFFFFFF  # in a size or an offset: "look in the ZIP64 record"

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_HAS_DESCRIPTOR = 0x8
_DESCRIPTOR_SIZES = (12, 16, 20, 24)  # with or without a mark, with 4 or 8 byte sizes

_STORED, _DEFLATED = 0, 8
_OVERLAP = "The archive's files overlap, or something is hidden beside them. Pack the connector again."
_MOST_GROWTH = 200  # source code packs to a fifth, generated JSON to a fiftieth
_GROWTH_FREE_BYTES = 1024 * 1024  # below this, growth is nobody's problem


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder as the central directory describes it. `start` and `end` bound its packed bytes."""

    name: str
    is_folder: bool
    is_deflated: bool
    checksum: int
    size: int
    start: int
    end: int


def read_entries(data: bytes, max_entries: int) -> list[Entry]:
    """Return the entries in the order the archive lists them. Nothing is inflated yet.

    Raises NotAZip, BrokenZip, EncryptedZip, UnknownCompression, NotAPlainFile, TooManyFiles, or UnsafeName for a name
    that is not text.
    """
    count, directory_start, directory_end = _find_directory(data)
    if count > max_entries:
        raise TooManyFiles(
            f"The archive holds {count} entries; this hub takes {max_entries}. Leave node_modules and caches out."
        )
    listed = list(_walk_directory(data, directory_start, directory_end, count))
    return _place(data, listed, directory_start)


def inflate(data: bytes, entry: Entry) -> bytes:
    """Return the content of one entry: exactly as long as it says, with the checksum it says.

    Raises BrokenZip when it is not, TooBigUnpacked when it grows like a bomb. Makes at most `entry.size` + 1 bytes.
    """
    packed = memoryview(data)[entry.start : entry.end]
    if entry.size > _GROWTH_FREE_BYTES and entry.size > _MOST_GROWTH * len(packed):
        raise TooBigUnpacked(f"{entry.name!r:.99} grows more than {_MOST_GROWTH} times when it is unpacked.")
    content = _inflated(packed, entry) if entry.is_deflated else bytes(packed)
    if len(content) != entry.size or zlib.crc32(content) != entry.checksum:
        raise BrokenZip(f"{entry.name!r:.99} is not what the archive says it is. Pack the connector again.")
    return content


def _inflated(packed: memoryview, entry: Entry) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(packed, entry.size + 1)
    except zlib.error:
        raise BrokenZip(f"{entry.name!r:.99} cannot be unpacked. Pack the connector again.") from None
    if not inflater.eof or inflater.unused_data:
        raise BrokenZip(f"{entry.name!r:.99} is longer or shorter than the archive says. Pack the connector again.")
    return content


def _find_directory(data: bytes) -> tuple[int, int, int]:
    """Return how many entries there are, and where the central directory starts and ends."""
    at = _find_end_record(data)
    _, disk, directory_disk, here, count, size, start, _ = _END.unpack_from(data, at)
    if _ZIP64 in (size, start) or count == 0xFFFF:
        raise BrokenZip("ZIP64 archives are for more than 4 GB; pack the connector as an ordinary zip.")
    if disk or directory_disk or here != count:
        raise BrokenZip("The archive is one part of several. Send it whole.")
    if start + size != at:
        raise BrokenZip("The archive's directory is not where the archive says. Pack the connector again.")
    return count, start, at


def _find_end_record(data: bytes) -> int:
    """Return where the end record starts: the one whose comment reaches exactly to the last byte."""
    lowest = max(0, len(data) - _END.size - _LONGEST_COMMENT)
    ends = [
        at
        for at in _occurrences(data, _END_MARK, lowest)
        if at + _END.size <= len(data) and at + _END.size + _END.unpack_from(data, at)[7] == len(data)
    ]
    if len(ends) > 1:
        raise BrokenZip("The archive has two ends. Pack the connector again.")
    if not ends and data.startswith((_LOCAL_MARK, _END_MARK)):
        raise BrokenZip("The archive is cut off, or something follows it. Pack and send it again.")
    if not ends:
        raise NotAZip("connectorSourceCode must be a zip archive of the connector's folder, in base64.")
    return ends[0]


def _occurrences(data: bytes, mark: bytes, lowest: int) -> Iterator[int]:
    at = data.find(mark, lowest)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the central directory says of an entry, before we know where its bytes are."""

    raw_name: bytes
    name: str
    is_folder: bool
    method: int
    flags: int
    checksum: int
    packed_size: int
    size: int
    header_at: int


def _walk_directory(data: bytes, start: int, end: int, count: int) -> Iterator[_Listed]:
    at = start
    for _ in range(count):
        if at + _CENTRAL.size > end or data[at : at + 4] != _CENTRAL_MARK:
            raise BrokenZip("The archive's directory is broken. Pack the connector again.")
        fields = _CENTRAL.unpack_from(data, at)
        name_at, at = at + _CENTRAL.size, at + _CENTRAL.size + sum(fields[10:13])
        yield _listed(fields, data[name_at : name_at + fields[10]])
    if at != end:
        raise BrokenZip("The archive's directory lists other entries than it counts. Pack the connector again.")


def _listed(fields: tuple[int, ...], raw_name: bytes) -> _Listed:
    _, _, _, flags, method, _, _, checksum, packed_size, size, _, _, _, disk, _, attributes, header_at = fields
    name = _decoded(raw_name)
    if flags & _ENCRYPTED:
        raise EncryptedZip(f"{name!r:.99} is encrypted. Pack the connector without a password.")
    if method not in (_STORED, _DEFLATED):
        raise UnknownCompression(f"{name!r:.99} is packed in a way this hub does not read. Use deflate.")
    if disk or _ZIP64 in (packed_size, size, header_at):
        raise BrokenZip("Archives in several parts and ZIP64 archives are not taken; pack an ordinary zip.")
    is_folder = name.endswith("/")
    _check_kind(name, attributes >> 16, is_folder)
    if (is_folder and size) or (method == _STORED and size != packed_size):
        raise BrokenZip(f"{name!r:.99} has a size it cannot have. Pack the connector again.")
    return _Listed(raw_name, name, is_folder, method, flags, checksum, packed_size, size, header_at)


def _decoded(raw_name: bytes) -> str:
    """Names are read as UTF-8 whether or not they are marked so: what every tool of this decade writes."""
    try:
        return raw_name.decode("utf-8")
    except UnicodeDecodeError:
        raise UnsafeName("A name in the archive is not UTF-8 text. Rename the file and pack again.") from None


def _check_kind(name: str, mode: int, is_folder: bool) -> None:
    allowed = (0, stat.S_IFREG, stat.S_IFDIR) if is_folder else (0, stat.S_IFREG)
    if stat.S_IFMT(mode) not in allowed:
        raise NotAPlainFile(f"{name!r:.99} is a link or a special file. Replace it by a plain file.")


def _place(data: bytes, listed: list[_Listed], directory_start: int) -> list[Entry]:
    """Return the entries with their places. Every byte before the directory must belong to exactly one of them."""
    entries: dict[int, Entry] = {}
    expected = 0
    starts = sorted(item.header_at for item in listed)
    following = dict(pairwise([*starts, directory_start]))
    for item in sorted(listed, key=lambda item: item.header_at):
        if item.header_at != expected or item.header_at in entries:
            raise BrokenZip(
                "The archive's files overlap, or something is hidden beside them. Pack the connector again."
            )
        entry = _placed(data, item)
        expected = following[item.header_at]
        _check_gap(item, expected - entry.end)
        entries[item.header_at] = entry
    if expected != directory_start:
        raise BrokenZip("Something is hidden before the archive's directory. Pack the connector again.")
    return [entries[item.header_at] for item in listed]


def _placed(data: bytes, item: _Listed) -> Entry:
    header = data[item.header_at : item.header_at + _LOCAL.size]
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_MARK):
        raise BrokenZip(f"{item.name!r:.99} is not where the archive says. Pack the connector again.")
    _, _, flags, method, _, _, checksum, packed_size, size, name_size, extra_size = _LOCAL.unpack(header)
    name_at = item.header_at + _LOCAL.size
    start = name_at + name_size + extra_size
    if data[name_at : name_at + name_size] != item.raw_name or method != item.method or flags & _ENCRYPTED:
        raise BrokenZip("The archive describes one file in two ways. Pack the connector again.")
    # A tool that streams does not know the sizes yet: then the directory's are the only ones.
    is_streamed = flags & _HAS_DESCRIPTOR or _ZIP64 in (packed_size, size)
    if not is_streamed and (checksum, packed_size, size) != (item.checksum, item.packed_size, item.size):
        raise BrokenZip(f"{item.name!r:.99} has two sizes. Pack the connector again.")
    return Entry(
        name=item.name,
        is_folder=item.is_folder,
        is_deflated=item.method == _DEFLATED,
        checksum=item.checksum,
        size=item.size,
        start=start,
        end=start + item.packed_size,
    )


def _check_gap(item: _Listed, gap: int) -> None:
    """Between two entries there is nothing, or the sizes a streaming tool wrote after the content."""
    if gap == 0 or (item.flags & _HAS_DESCRIPTOR and gap in _DESCRIPTOR_SIZES):
        return
    raise BrokenZip(_OVERLAP)
