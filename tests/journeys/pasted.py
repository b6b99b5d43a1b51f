"""Documentation as a program: its code blocks in order, as somebody would paste them.

```bash                     run
```python or ```json        written to the file that the line before names: "In `notes/connector.py`:"
```text                     what the commands so far must have printed, line by line; a line "…" stands for anything
``` without a word          not for pasting
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^(?P<before>[^\n]*)\n+```(?P<kind>bash|python|json|text)\n(?P<code>.*?)^```$", re.M | re.S)
FILE = re.compile(r"`([\w./-]+)`[^`]*:$")
REPOSITORY = Path(__file__).resolve().parents[2]
PASTE_SECONDS = 180


@dataclass(frozen=True)
class Session:
    """A script made of a page's blocks, and the lines it must print."""

    script: str
    expected: tuple[str, ...]


def read_page(page: Path) -> Session:
    """Return the page as a script."""
    parts = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    expected: list[str] = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["kind"] == "bash":
            parts.append(block["code"])
        elif block["kind"] == "text":
            expected += [line.strip() for line in block["code"].splitlines() if line.strip() not in ("", "…")]
        elif named := FILE.search(block["before"]):
            parts.append(
                f"mkdir -p $(dirname {named[1]}); cat > {named[1]} <<'END_OF_FILE'\n{block['code']}END_OF_FILE"
            )
    return Session("\n".join(parts) + "\n", tuple(expected))


def paste(session: Session, folder: Path, instead: Mapping[str, str] | None = None) -> str:
    """Run the session in `folder` and return everything it printed. Fails when a command fails or a line is missing.

    `instead` replaces texts before it starts, such as a port that may be taken.
    """
    script, expected = session.script, "\n".join(session.expected)
    for old, new in (instead or {}).items():
        script, expected = script.replace(old, new), expected.replace(old, new)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PASTE_SECONDS,
        check=False,
    )
    printed = done.stdout.decode(errors="replace")
    assert done.returncode == 0, printed
    missing = [line for line in expected.splitlines() if line not in printed]
    assert not missing, f"not printed: {missing}\n\n{printed}"
    return printed


def newcomers_folder(folder: Path, data: Path) -> Path:
    """Make a folder that looks like the repository after `make run` to somebody who pastes commands."""
    folder.mkdir()
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    (folder / ".jackfield").symlink_to(data)
    return folder
