"""What a token looks like: `jf_<kind>_<30 letters and digits>_<checksum>`. We keep only its SHA-256.

The first part says to people and secret scanners what they hold; the checksum tells a mistyped one without a look-up.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field

from jackfield_hub.identity.shapes import CallerKind

RANDOM_CHARACTERS = 30  # about 178 bits
CHECKSUM_CHARACTERS = 6  # enough for 32 bits
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(
    rf"(jf_(?:master|api|user)_[0-9A-Za-z]{{{RANDOM_CHARACTERS}}})_([0-9A-Za-z]{{{CHECKSUM_CHARACTERS}}})"
)


@dataclass(frozen=True)
class NewToken:
    """A token just made: the only moment its text is known. Afterwards we know it by its hash."""

    text: str = field(repr=False)
    kind: CallerKind
    expires_at: float | None

    @property
    def hash(self) -> str:
        return digest_of(self.text).hex()

    @property
    def prefix(self) -> str:
        """The first random characters too, to tell two tokens of a list apart."""
        return self.text[: len(f"jf_{self.kind}_") + 4]


def make_token(kind: CallerKind, expires_at: float | None = None) -> NewToken:
    """Return a token nobody has seen before."""
    signed = f"jf_{kind}_" + "".join(secrets.choice(_BASE62) for _ in range(RANDOM_CHARACTERS))
    return NewToken(f"{signed}_{_checksum(signed)}", kind, expires_at)


def is_well_formed(text: str) -> bool:
    """Tell whether this can be a token of ours at all."""
    match = _FORM.fullmatch(text)
    return match is not None and _checksum(match[1]) == match[2]


def digest_of(text: str) -> bytes:
    """Return the SHA-256 of a token's text."""
    return hashlib.sha256(text.encode()).digest()


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_CHARACTERS):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
