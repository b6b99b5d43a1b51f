"""Hash text."""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

from jackfield import Field, Secret

from text_tools.connector import text_tools


@dataclass
class TextToHash:
    text: Annotated[str, Field(title="Text", format="text")]
    algorithm: Annotated[
        Literal["sha256", "sha512", "sha1", "md5"],
        Field(
            title="Algorithm",
            labels={
                "sha256": "SHA-256",
                "sha512": "SHA-512",
                "sha1": "SHA-1 (only where an old service asks for it)",
                "md5": "MD5 (only where an old service asks for it)",
            },
        ),
    ] = "sha256"
    key: Annotated[
        Secret | None,
        Field(title="Key", description="Sign the text with this key (HMAC), as webhooks do.", is_advanced=True),
    ] = None
    written_as: Annotated[
        Literal["hex", "base64"], Field(title="Written as", labels={"hex": "Hexadecimal", "base64": "Base64"})
    ] = "hex"


class Digest(TypedDict):
    """The digest of a text."""

    digest: str


@text_tools.operation
def hash_text(given: TextToHash) -> Digest:
    """Compute a text's digest, or its signature when there is a key."""
    text = given.text.encode()
    if given.key:
        digest = hmac.digest(given.key.encode(), text, given.algorithm)
    else:
        digest = hashlib.new(given.algorithm, text, usedforsecurity=False).digest()
    return {"digest": digest.hex() if given.written_as == "hex" else b64encode(digest).decode()}
