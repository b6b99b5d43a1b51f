"""The page about writing operations works as pasted: its connector passes its tests and can be built."""

import os
import sys
from pathlib import Path

import pytest

from tests.journeys.pasted import REPOSITORY, paste, read_page

PAGE = REPOSITORY / "docs" / "how-to" / "write-an-operation.md"


def test_the_page_works_as_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)

    printed = paste(read_page(PAGE), tmp_path)

    assert "5 passed" in printed
