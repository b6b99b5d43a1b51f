"""Every example, as its reader tries it: tested offline, deployed to a hub, called there against the real server."""

import re
import subprocess
import sys

import pytest

import jackfield
from examples.servers.registry import REGISTRY, WHY_NOT
from examples.try_one import HERE, names
from tests.journeys.pasted import REPOSITORY

IMPORT = re.compile(r"^from jackfield import (\([^)]*\)|.*)$", re.M)
NO_SERVER_OF_ITS_OWN = {"acme"}  # the template of `connector init`: its shop does not exist


def test_the_kit_offers_nothing_that_no_example_needs():
    code = [file.read_text() for name in names() for file in (HERE / name).rglob("*.py")]
    imported = {word for text in code for line in IMPORT.findall(text) for word in re.findall(r"\w+", line)}

    assert set(jackfield.__all__) - imported == set()


def test_every_example_can_be_tried():
    examples = {folder.parent.name for folder in HERE.glob("*/connector.json")}

    assert examples - NO_SERVER_OF_ITS_OWN == set(names())


@pytest.mark.parametrize("name", names())
def test_an_example_works_in_one_command(name: str):
    if name == "docker-registry" and not REGISTRY.exists():
        pytest.skip(WHY_NOT)

    done = subprocess.run(
        [sys.executable, "-m", "examples.try_one", name], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything worked" in done.stdout


def test_no_example_needs_the_tests():
    code = [file for file in HERE.rglob("*.py") if "tests" not in file.relative_to(HERE).parts]

    assert [file.name for file in code if re.search(r"^(from|import) tests\b", file.read_text(), re.M)] == []
