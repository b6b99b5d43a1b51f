"""What `make soak` runs for hours, for moments: so that it still runs when somebody needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("bench.soak --seconds 1", "each in the ledger once"),
        ("bench.rotation --rotations 1 --auths 20", "nothing is left under an old key"),
    ],
)
def test_a_soak_ends_well(command: str, said: str):
    words = [sys.executable, "-m", *command.split()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert said in done.stdout
