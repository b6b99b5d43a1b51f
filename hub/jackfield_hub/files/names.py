"""What a file may be called, and said to be. Both end up in headers, on screens and on other people's disks."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MAX_NAME_CHARACTERS = 200
ANY_BYTES = "application/octet-stream"

_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(;[ -:<-~]{1,100})?")
_FOLDERS = re.compile(r"^.*[/\\]", re.DOTALL)
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, and what turns the direction of writing


def file_name(wanted: str) -> str:
    """Return the name without folders, without what cannot be seen, and not too long; "file" when nothing is left."""
    visible = "".join(one for one in wanted if unicodedata.category(one) not in _UNSEEN)
    bare = _FOLDERS.sub("", visible).strip().lstrip(".")
    stem, dot, ending = bare.rpartition(".")
    if len(bare) > MAX_NAME_CHARACTERS and stem and len(ending) <= 20:
        return stem[: MAX_NAME_CHARACTERS - len(ending) - 1] + dot + ending
    return bare[:MAX_NAME_CHARACTERS] or "file"


def mime_type(said: str | None) -> str:
    """Return a media type as it was said, or the one for any bytes when it is none."""
    said = (said or "").strip()
    return said if _MIME_TYPE.fullmatch(said) else ANY_BYTES


def disposition_of(name: str) -> str:
    """Return the header that makes a browser save the file under this name, never show it."""
    plain = "".join(one if one.isascii() and one not in '"\\%' else "_" for one in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
