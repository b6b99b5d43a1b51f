"""Thirty shapes that secrets come in, each with a mark by which it is found again, however it is written."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQ{mark}IBADANBg\nkqhkiG9w0\n-----END PRIVATE KEY-----\n"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ{mark}In0.c2lnbmF0dXJl-_"

SHAPES = {
    "hex": "{mark}0123456789abcdef",
    "uuid": "{mark:.8}-1111-4222-8333-{mark}",
    "base64": "QUJD{mark}+/Zz==",
    "base64 for URLs": "QUJD{mark}-_Zz",
    "JWT": JWT,
    "PEM": PEM,
    "payment key": "sk_live_{mark}",
    "code host token": "ghp_{mark}AbCdEf",
    "chat token": "xoxb-1234-5678-{mark}",
    "cloud secret": "wJalrXUtnFEMI/K7MDENG/{mark}",
    "our own": "jf_api_{mark}_000000",
    "password with signs": "p\"w'\\<{mark}>&%;:@#?",
    "other letters": "pässwörd-ß-{mark}-ключ",
    "emoji": "🔑{mark}🔒",
    "two lines": "first line\n{mark}",
    "a tab": "one\t{mark}",
    "URL with a name": "https://ann:{mark}@service.example/path?key=1",
    "percent signs": "%41%42{mark}%",
    "JSON": '{{"key": "{mark}", "n": [1, null]}}',
    "XML": "<key><![CDATA[{mark}]]></key>",
    "template": "{{apiKey}}${{{{{mark}}}}}",
    "very long": "x" * 3_000 + "{mark}",
    "spaces": "  correct horse {mark} staple ",
    "not shown": "\u200b{mark}\u202e",
    "SQL": "'; DROP TABLE auths; -- {mark}",
    "header": "x\r\nSet-Cookie: session={mark}",
    "query": "a=1&b={mark}&c=",
    "path": "../../{mark}/..",
    "format": "%s %(key)s {{0}} {mark}",
    "traceback": 'File "secret.py", line 1, in {mark}',
}


@dataclass(frozen=True)
class Planted:
    """A secret, and what is looked for: a part of it that is nowhere else."""

    text: str
    mark: str

    @property
    def header(self) -> str:
        """The secret as it can be sent in a header."""
        return self.text if self.text.isascii() and self.text.isprintable() else quote(self.text)


def plant() -> dict[str, Planted]:
    """Return thirty secrets, by the name of their shape."""
    drawn = {name: os.urandom(8).hex() for name in SHAPES}
    return {name: Planted(shape.format(mark=drawn[name]), drawn[name]) for name, shape in SHAPES.items()}


def marks(secrets: Mapping[str, Planted]) -> dict[bytes, str]:
    """Return the ways in which each secret's mark may be written, and whose they are."""
    spelled: dict[bytes, str] = {}
    for name, secret in secrets.items():
        mark = secret.mark.encode()
        for written in (mark, mark[::-1], mark.hex().encode(), secret.mark.encode("utf-16-le"), *_in_base64(mark)):
            spelled[written] = name
    return spelled


def found_in(text: bytes, spelled: dict[bytes, str]) -> list[str]:
    """Return the shapes of the secrets that are in this text."""
    return sorted({name for mark, name in spelled.items() if mark in text})


def _in_base64(mark: bytes) -> list[bytes]:
    """Return the mark in base64, without the characters that depend on what stands beside it."""
    written = (base64.b64encode(b"\0" * shift + mark) for shift in range(3))
    return [one[4 if shift else 0 : (len(mark) + shift) // 3 * 4] for shift, one in enumerate(written)]
