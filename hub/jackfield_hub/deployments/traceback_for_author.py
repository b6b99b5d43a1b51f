"""What a worker said when a connector could not be imported, cut down to what its author wrote."""

from __future__ import annotations

from pathlib import Path

_FRAME = '  File "'
_SHOWN_CHARACTERS = 3000  # from the end: that is where the mistake is


def for_author(said: str, draft: Path) -> str:
    """Return the text with the connector's own frames, their paths inside the connector's folder, and no others.

    Frames of the hub and of Python itself say where they are installed, and help nobody.
    """
    kept: list[str] = []
    is_foreign = False
    for line in said.splitlines():
        if line.startswith(_FRAME):
            is_foreign = not line.startswith(f"{_FRAME}{draft}/")
        elif not line.startswith("    "):
            is_foreign = False
        if not is_foreign:
            kept.append(line.replace(f"{draft}/source/", "").replace(f"{draft}/", ""))
    return "\n".join(kept).strip()[-_SHOWN_CHARACTERS:]
