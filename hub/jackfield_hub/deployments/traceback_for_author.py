"""What a worker said when a connector could not be imported, cut down to what its author wrote."""

from __future__ import annotations

from pathlib import Path

from jackfield_hub.sandbox.namespaces import BUNDLE as BUNDLE_IN_JAIL

_FRAME = '  File "'
_SHOWN_CHARACTERS = 3000  # from the end: that is where the mistake is


def for_author(said: str, draft: Path) -> str:
    """Return the text with the connector's own frames, their paths inside the connector's folder, and no others.

    Frames of the hub and of Python itself say where they are installed, and help nobody.
    """
    roots = (f"{draft}/", f"{BUNDLE_IN_JAIL}/")  # in this order: the draft's own path ends in the other
    own_frames = tuple(f"{_FRAME}{root}" for root in roots)
    kept: list[str] = []
    is_foreign = False
    for line in said.splitlines():
        if line.startswith(_FRAME):
            is_foreign = not line.startswith(own_frames)
        elif not line.startswith("    "):
            is_foreign = False
        if not is_foreign:
            kept.append(_without(roots, line))
    return "\n".join(kept).strip()[-_SHOWN_CHARACTERS:]


def _without(roots: tuple[str, ...], line: str) -> str:
    for root in roots:
        line = line.replace(f"{root}source/", "").replace(root, "")
    return line
