"""A clean place for the command: no logins, no variables, an empty folder."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.kit.command_line import CommandLine
from tests.kit.stand_in_hub import StandInHub


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command, in an empty folder, with nobody logged in."""
    for variable in ("JACKFIELD_API_URL", "JACKFIELD_API_TOKEN", "NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(variable, raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(work)
    return CommandLine(work)


@pytest.fixture
def hub() -> Generator[StandInHub]:
    """A server that answers as the public API says."""
    with StandInHub() as running:
        yield running
