"""Archives a hub must refuse, each with the `code` it is refused with."""

from __future__ import annotations

import io
import json
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

from tests.hub.zip_forge import Part, connector_json, deflate, forge, good_parts

BadArchive = tuple[str, bytes, str]

_GOOD = forge(good_parts(Part("acme/acme/connector.py", b"print('hello')\n" * 40)))

_UNSAFE_NAMES = [
    "../evil.py", "acme/../../evil.py", "acme/..", "..", ".", "./evil.py", "acme/./evil.py", "acme//evil.py",
    "/etc/evil", "//server/share", "/", "acme/../connector.json", "../", "acme/../", "a/../../../../../../etc/passwd",
    "C:evil.py", "C:/evil.py", "c:\\evil.py", "acme\\evil.py", "..\\evil.py", "\\\\server\\share",
    "acme/evil.py:stream", "acme/CON:", "acme/a\x00.py", "\x00", "acme/a\n.py", "acme/a\r\n.py", "acme/a\t.py",
    "acme/\x1b[31m.py", "acme/\x7f.py", "acme/\x85.py", "acme/\u202egpj.py", "acme/a\u200b.py", "acme/a\u2028.py",
    "acme/a\u2029.py", "acme/\ufeffa.py", "acme/a\u2066b.py", "acme/a\u00ad.py", "acme/" + "x" * 256,
    "acme/" + "ä" * 128, "acme/" + "x" * 300 + "/a.py", "/".join(["a"] * 21), "/".join(["deep"] * 60),
    "/".join(["x" * 200] * 6), "", "acme/ok/../../x", "...//..", "a/..//b",
]  # fmt: skip

_NAME_PAIRS = [
    ("a.py", "a.py"), ("a.py", "A.py"), ("README.md", "readme.MD"), ("é.py", "e\u0301.py"), ("ﬁle.py", "file.py"),
    ("straße.py", "STRASSE.py"), ("K.py", "\u212a.py"), ("a", "a/b"), ("a/b", "a"), ("lib/a.py", "LIB/b.py"),
    ("a/b/c", "a/b"), ("x", "x/"), ("x/", "x"), ("Ⅷ.py", "viii.py"), ("a１.py", "a1.py"), ("Connector.json", "x.py"),
    ("ς.py", "σ.py"), ("dir/İ.py", "dir/i\u0307.py"),
]  # fmt: skip

_MODES = [
    (stat.S_IFLNK | 0o777, "link"),
    (stat.S_IFCHR, "character device"),
    (stat.S_IFBLK, "block device"),
    (stat.S_IFIFO, "pipe"),
    (stat.S_IFSOCK, "socket"),
    (stat.S_IFDIR | 0o755, "folder without a slash"),
    (0o070000, "unknown kind"),
]

_METADATA: list[Any] = [
    b"", b"{", b"null", b"[]", b"1", b'"text"', b"\xff\xfe", b"{'name': 1}", b'{"name": "acme"', b"NaN", b"{} {}",
    b'{"name": "acme", "version": "1.0", "title": "\\ud800", "service": {"name": "acme"}}', b"[" * 100_000,
    {"name": None}, {"name": ""}, {"name": 1}, {"name": "Acme"}, {"name": "ac me"}, {"name": "acme_shop"},
    {"name": "../acme"}, {"name": "acme/"}, {"name": "-acme"}, {"name": "acme-"}, {"name": "a--b"},
    {"name": "a" * 101}, {"name": "äcme"}, {"name": "acme\n"}, {"name": ["acme"]}, {"name": {"a": 1}},
    {"name": "%2e%2e"}, {"name": "ac\u200bme"}, {"name": True}, {"version": None}, {"version": ""}, {"version": 1.0},
    {"version": "1"}, {"version": "1.0.0"}, {"version": "v1.0"}, {"version": "1.x"}, {"version": "-1.0"},
    {"version": "1.0 "}, {"version": "99999.0"}, {"version": "١.٠"}, {"version": []}, {"title": 5},
    {"title": ["Acme"]}, {"description": 5}, {"service": None}, {"service": "acme"}, {"service": []}, {"service": {}},
    {"service": {"name": ""}}, {"service": {"name": 1}}, {"service": {"name": "acme", "version": "one"}},
    {"service": {"name": "acme", "version": "1.0"}}, {"service": {"name": "acme", "version": True}},
    {"service": {"name": "acme", "version": -1}}, {"service": {"name": "acme", "version": {}}}, {"tags": "service"},
    {"tags": [1]}, {"tags": {}}, {"isTrigger": "no"}, {"isTrigger": 0}, {"rawHttp": True},
    {"rawHttp": {"enabled": "yes"}},
]  # fmt: skip


def bad_archives() -> list[BadArchive]:
    """Return (what is wrong, the bytes, the expected code) for every archive, small enough to be made in a second."""
    return [*_not_zips(), *_broken(), *_names(), *_kinds(), *_packings(), *_bombs(), *_metadata(), *_missing()]


def _not_zips() -> Iterator[BadArchive]:
    yield "nothing", b"", "not_a_zip"
    yield "text", b"hello", "not_a_zip"
    yield "json", b'{"name": "acme"}', "not_a_zip"
    yield "zeros", bytes(100_000), "not_a_zip"
    yield "a tar", _tar(), "not_a_zip"
    yield "a gzip", b"\x1f\x8b\x08" + bytes(40), "not_a_zip"
    yield "a 7z", b"7z\xbc\xaf\x27\x1c" + bytes(40), "not_a_zip"
    yield "a wheel of base64 in base64", b"UEsDBBQAAAAI", "not_a_zip"
    yield "half an end record", b"PK\x05\x06" + bytes(10), "broken_zip"
    yield "only a local mark", b"PK\x03\x04", "broken_zip"
    yield "an HTML page", b"<!doctype html><title>502</title>", "not_a_zip"


def _broken() -> Iterator[BadArchive]:
    for cut in (1, 4, 21, 22, 40, 100, len(_GOOD) // 2):
        yield f"cut off by {cut} bytes", _GOOD[:-cut], "broken_zip"
    yield "first byte missing", _GOOD[1:], "broken_zip"
    for before in (b"MZ", b"%PDF-1.7\n", b"#!/bin/sh\n", b"PK"):
        yield f"after {before!r}", forge(good_parts(), before=before), "broken_zip"
        yield f"offsets shifted by {before!r}", before + forge(good_parts()), "broken_zip"
    for after in (b"\0", b"<script>", _GOOD):
        yield f"{len(after)} bytes after the end", _GOOD + after, "broken_zip"
    yield "hidden between", forge(good_parts(Part("acme/a.py")), between=b"#!/bin/sh"), "broken_zip"
    yield "hidden before the directory", forge(good_parts(), before_directory=b"evil"), "broken_zip"
    yield "an archive in the comment", forge(good_parts(), comment=_GOOD), "broken_zip"
    yield "an empty end in the comment", forge(good_parts(), comment=b"PK\x05\x06" + bytes(18)), "broken_zip"
    for end in ({"count": 0, "here": 0}, {"count": 2, "here": 2}, {"size": 0}, {"start": 0}, {"disk": 1}, {"here": 0}):
        yield f"end record says {end}", forge(good_parts(), end=end), "broken_zip"
    for end in ({"count": 0xFFFF, "here": 0xFFFF}, {"size": 0xFFFFFFFF}, {"start": 0xFFFFFFFF}):
        yield f"ZIP64 by {end}", forge(good_parts(), end=end), "broken_zip"
    zip64 = struct.pack("<HHQQ", 1, 16, 5, 5)
    several = {
        "size": Part("acme/a", b"five!", size=0xFFFFFFFF, extra=zip64),
        "packed size": Part("acme/a", b"five!", packed_size=0xFFFFFFFF, extra=zip64),
        "place": Part("acme/a", b"five!", header_at=0xFFFFFFFF, extra=zip64),
        "disk": Part("acme/a", b"five!", disk=1),
    }
    for field, part in several.items():
        yield f"another {field} than an ordinary zip's", forge(good_parts(part)), "broken_zip"
    code = b"x = 1\n" * 9
    wrong_places = {
        "where the first is": Part("acme/a.py", code, header_at=0),
        "inside the first": Part("acme/a.py", code, header_at=7),
        "nowhere": Part("acme/a.py", code, header_at=10**6),
        "longer than the archive": Part("acme/a.py", code, packed_size=10**6),
        "shorter than it is": Part("acme/a.py", code, packed_size=1),
    }
    for place, part in wrong_places.items():
        yield f"a second file {place}", forge(good_parts(part)), "broken_zip"
    yield "two names for one file", forge(good_parts(Part("acme/a.py", b"x", local_name=b"acme/b.py"))), "broken_zip"
    yield "a local name that leads out", forge(good_parts(Part("acme/a", local_name=b"../../a"))), "broken_zip"
    yield "two sizes", forge(good_parts(Part("acme/a.py", b"x = 1", local_size=10**8))), "broken_zip"
    flipped = bytearray(_GOOD)
    flipped[60] ^= 0xFF
    yield "a flipped bit", bytes(flipped), "broken_zip"


def _names() -> Iterator[BadArchive]:
    for name in _UNSAFE_NAMES:
        yield (
            f"named {name[:40]!r}",
            forge(good_parts(Part(name, b"" if name.endswith("/") else b"evil"))),
            "unsafe_name",
        )
    for raw in (b"acme/\xff.py", b"acme/\xc3.py", b"\x80", b"acme/\xed\xa0\x80.py", b"acme/\xc0\xae\xc0\xae/x"):
        yield f"named {raw!r}", forge(good_parts(Part(raw, b"evil"))), "unsafe_name"
    for one, other in _NAME_PAIRS:
        if one != "Connector.json":
            both = [Part(f"acme/{one}", b"" if one.endswith("/") else b"1"), Part(f"acme/{other}", b"")]
            yield f"{one!r} and {other!r}", forge(good_parts(*both)), "ambiguous_names"
    yield "connector.json twice", forge([*good_parts(), *good_parts()]), "ambiguous_names"
    yield "connector.json in two cases", forge(good_parts(Part("acme/Connector.json", b"{}"))), "ambiguous_names"


def _kinds() -> Iterator[BadArchive]:
    for mode, kind in _MODES:
        yield f"a {kind}", forge(good_parts(Part("acme/a", b"/etc/passwd", mode=mode))), "not_a_plain_file"
    link = Part("acme/folder/", mode=stat.S_IFLNK | 0o777)
    yield "a linked folder", forge(good_parts(link)), "not_a_plain_file"
    yield "connector.json is a link", forge([Part("acme/connector.json", b"/x", mode=0o120777)]), "not_a_plain_file"
    yield "a folder with content", forge(good_parts(Part("acme/folder/", b"evil"))), "broken_zip"


def _packings() -> Iterator[BadArchive]:
    for flags in (0x1, 0x41, 0x2001, 0x40, 0x2000, 0x9):
        yield f"flags {flags:#x}", forge(good_parts(Part("acme/a.py", b"x", flags=flags))), "encrypted_zip"
    for method in (1, 6, 9, 12, 14, 20, 93, 95, 97, 98, 99, 0xFFFF):
        yield f"method {method}", forge(good_parts(Part("acme/a.py", b"x", method=method))), "unknown_compression"
    for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", kind) as archive:
            archive.writestr("acme/connector.json", connector_json())
        yield f"packed as {kind}", packed.getvalue(), "unknown_compression"
    lies = {
        "too short": Part("acme/a.py", b"x = 1\n", size=5),
        "too long": Part("acme/a.py", b"x = 1\n", size=7),
        "zero": Part("acme/a.py", b"x = 1\n", size=0),
        "a wrong checksum": Part("acme/a.py", b"x = 1\n", checksum=1),
        "stored and longer": Part("acme/a.py", b"x = 1\n", method=0, size=60),
        "not deflated": Part("acme/a.py", b"x = 1\n", packed=b"x = 1\n"),
        "a stream that never ends": Part("acme/a.py", b"x" * 99, packed=deflate(b"x" * 99)[:-2]),
        "something behind the stream": Part("acme/a.py", b"x", packed=deflate(b"x") + b"evil"),
        "nothing": Part("acme/a.py", b"x", packed=b""),
        "streamed, wrong sizes": Part("acme/a.py", b"x", flags=8, size=9, descriptor=bytes(16)),
        "streamed, long trailer": Part("acme/a.py", b"x", flags=8, descriptor=bytes(99)),
    }
    for lie, part in lies.items():
        yield f"a content that is {lie}", forge(good_parts(part)), "broken_zip"


def _bombs() -> Iterator[BadArchive]:
    zeros = bytes(8 * 1024**2)
    yield "a bomb", forge(good_parts(Part("acme/zeros", zeros))), "too_big_unpacked"
    yield "a bomb that says it is small", forge(good_parts(Part("acme/zeros", zeros, size=10))), "broken_zip"
    yield "a bomb called connector.json", forge([Part("acme/connector.json", zeros)]), "too_big_unpacked"
    yield "a bomb that is left out", forge(good_parts(Part("acme/node_modules/a", zeros))), "too_big_unpacked"
    huge = Part("acme/huge", b"x", size=2 * 1024**3)
    yield "a size of 2 GiB", forge(good_parts(huge)), "too_big_unpacked"
    parts = [Part(f"acme/{number}", b"x", size=60 * 1024**2) for number in range(4)]
    yield "many sizes", forge(good_parts(*parts)), "too_big_unpacked"
    yield "6000 files", forge(good_parts(*(Part(f"acme/{number}") for number in range(6000)))), "too_many_files"
    folders = (Part(f"acme/{number}/", mode=0o040755) for number in range(6000))
    yield "6000 folders", forge(good_parts(*folders)), "too_many_files"
    shared = [Part(f"acme/{number}", b"x" * 999, header_at=0) for number in range(50)]
    yield "fifty files that share their bytes", forge([Part("acme/0", b"x" * 999), *shared[1:]]), "broken_zip"


def _metadata() -> Iterator[BadArchive]:
    for content in _METADATA:
        metadata = content if isinstance(content, bytes) else connector_json(**content)
        shown = content[:40] if isinstance(content, bytes) else json.dumps(content)[:60]
        yield f"connector.json with {shown}", forge(good_parts(metadata=metadata)), "bad_connector_json"


def _missing() -> Iterator[BadArchive]:
    yield "no entries", forge([]), "no_connector_json"
    yield "no connector.json", forge([Part("acme/connector.py", b"x")]), "no_connector_json"
    yield "two folders deep", forge(good_parts(top="a/b/")), "no_connector_json"
    yield "two connectors", forge([*good_parts(top="a/"), *good_parts(top="b/")]), "no_connector_json"
    yield "a file beside the folder", forge(good_parts(Part("notes.txt", b"hello"))), "no_connector_json"
    yield "a folder of that name", forge([Part("acme/connector.json/", mode=0o040755)]), "no_connector_json"
    yield "in another case", forge([Part("acme/CONNECTOR.JSON", connector_json())]), "no_connector_json"
    yield "only an archive in the archive", forge([Part("acme/connector.zip", _GOOD)]), "no_connector_json"
    yield "only among the litter", forge([Part("__MACOSX/connector.json", connector_json())]), "no_connector_json"


def _tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("acme/connector.json"))
    return packed.getvalue()
