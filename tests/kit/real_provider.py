"""The real oidc-provider, from npm, which shares no code and no assumptions with us."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = REPOSITORY / ".venv-services" / "node" / "node_modules"
SERVER = Path(__file__).parent / "oidc_provider" / "server.mjs"
NODE = shutil.which("node")
IS_THERE = NODE is not None and (MODULES / "oidc-provider").is_dir()
WHY_NOT = "oidc-provider is not installed: npm install --prefix .venv-services/node oidc-provider@9.13.3 (needs node)"


@contextmanager
def oidc_provider(redirect_uri: str, access_seconds: int) -> Generator[str]:
    """Run it on a free port; yield where it is, which is its issuer, too."""
    assert NODE is not None
    command = [NODE, str(SERVER), str(MODULES), redirect_uri, str(access_seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # Warnings about a test's settings may come first.
        line = next(line for line in process.stdout if line.startswith("{"))
        try:
            yield f"http://127.0.0.1:{json.loads(line)['port']}"
        finally:
            process.stdin.close()
