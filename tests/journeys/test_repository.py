"""The repository itself: its commands explain themselves, and it names no machine and no package registry."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.journeys.pasted import REPOSITORY

GENERATED = {"__pycache__", "node_modules", "dist", "results"}
# Written apart, so that this file is not the one that is found.
REGISTRIES = ["py" + "pi.org", "python" + "hosted.org", "registry.npm" + "js.org", "deb." + "debian.org"]
MACHINES = ["/wo" + "rk/", "/ho" + "me/", "/Us" + "ers/"]


def test_make_help_names_every_command():
    commands = re.findall(r"^\.PHONY: (.+)$", (REPOSITORY / "Makefile").read_text(), re.M)[0].split()

    said = subprocess.check_output(["make", "--no-print-directory", "help"], cwd=REPOSITORY, text=True)

    assert [command for command in commands if f"make {command} " not in said] == []


def test_make_alone_is_make_help():
    alone, asked = (
        subprocess.check_output(["make", "--no-print-directory", *words], cwd=REPOSITORY) for words in ([], ["help"])
    )

    assert alone == asked


def test_ci_runs_make_test():
    script = REPOSITORY / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("exec make test")


def test_nothing_names_a_registry_or_somebodys_machine():
    found = [
        f"{file.relative_to(REPOSITORY)}: {name}"
        for file in text_files()
        for name in (*REGISTRIES, *MACHINES)
        if name in file.read_text(encoding="utf-8")
    ]

    assert found == []


def text_files() -> Iterator[Path]:
    for folder, names, files in os.walk(REPOSITORY):
        names[:] = [name for name in names if name == ".ci" or not (name in GENERATED or name.startswith("."))]
        for name in files:
            file = Path(folder) / name
            if file.suffix in {".py", ".md", ".toml", ".txt", ".in", ".json", ".ini", ".cfg", ""}:
                yield file
