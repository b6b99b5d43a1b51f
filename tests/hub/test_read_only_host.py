"""A host on which nothing can be written but the data folder and the folder for temporary files."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

# Everything that is mounted becomes read-only, in a mount namespace of this one process; {writable} stays as it is.
READ_ONLY = """
mount -t tmpfs writable {writable} || exit 77
for place in $(cut -d" " -f2 /proc/mounts | grep -v -e ^/proc -e ^/sys -e ^/dev -e ^{writable} | sort -u); do
    mount -o remount,bind,ro $place 2>/dev/null || mount --bind -o ro $place $place 2>/dev/null
done
touch {outside}/anything 2>/dev/null && exit 77
mkdir -p {writable}/temporary
cd / && exec "$@"
"""

pytestmark = pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0, reason="only root may make a whole host read-only"
)


async def start(tmp_path: Path, **environment: str) -> asyncio.subprocess.Process:
    writable = tmp_path / "writable"
    writable.mkdir()
    script = READ_ONLY.format(writable=writable, outside=tmp_path)
    serve = [str(Path(sys.executable).with_name("jackfield")), "serve", "--data", str(writable / "data"), "--port", "0"]
    return await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "--propagation", "private", "bash", "-c", script, "bash", *serve),
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )


async def said_until(hub: asyncio.subprocess.Process, word: str) -> str:
    """Return what the hub says up to the line with this word, or all of it."""
    assert hub.stderr is not None
    said = ""
    async with asyncio.timeout(60):
        while word not in said and (line := await hub.stderr.readline()):
            said += line.decode()
    return said


async def test_the_hub_needs_its_data_folder_and_one_for_temporary_files_and_nothing_else(tmp_path: Path):
    hub = await start(tmp_path, TMPDIR=str(tmp_path / "writable" / "temporary"))

    said = await said_until(hub, "The hub listens on")

    if hub.returncode != 77:  # this host does not let itself be made read-only
        assert "The hub listens on" in said
        hub.send_signal(signal.SIGINT)
    await hub.communicate()


async def test_without_a_folder_for_temporary_files_it_says_what_to_do(tmp_path: Path):
    hub = await start(tmp_path)

    said = await said_until(hub, "TMPDIR")

    await hub.communicate()
    if hub.returncode != 77:
        assert "make /tmp writable, or name another one in TMPDIR" in said
        assert hub.returncode == 1
