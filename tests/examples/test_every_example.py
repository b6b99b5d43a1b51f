"""Every example, as its reader tries it: tested offline, deployed to a hub, called there against the real server."""

import subprocess
import sys

import pytest

from examples.servers.registry import REGISTRY, WHY_NOT
from examples.try_one import HERE, names
from tests.journeys.pasted import REPOSITORY

NO_SERVER_OF_ITS_OWN = {"acme"}  # the template of `connector init`: its shop does not exist


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
