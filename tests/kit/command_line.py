"""The command as people run it: in this process when that is enough, as a real process when it matters."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from jackfield.cli import command

EXECUTABLE = Path(sys.executable).with_name("jackfield")


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    exit_code: int
    data: str
    talk: str = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.data)


@dataclass(frozen=True)
class CommandLine:
    """`cli("connectors", "list")` runs it here; `cli.process(...)` runs the installed executable."""

    folder: Path

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        result = CliRunner().invoke(command, words, prog_name="jackfield", input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def process(self, *words: str, stdin: str = "", folder: Path | None = None) -> Answer:
        done = subprocess.run(
            [EXECUTABLE, *words], cwd=folder or self.folder, input=stdin, capture_output=True, text=True, check=False
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the executable in a session of its own; whoever starts it ends it."""
        return subprocess.Popen(
            [EXECUTABLE, *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
