"""Install a connector's dependencies: wheels only, by name, version and hash, with uv. No code of theirs runs."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from jackfield_hub.deployments.requirements import KIT, Wheel, lock_lines, read_lock
from jackfield_hub.deployments.stages import CannotBuild

_KEPT_VARIABLES = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_SAFE_OPTIONS = ("--no-config", "--no-progress", "--color=never", "--no-python-downloads", "--only-binary=:all:")
_WATCH_SECONDS = 0.5
_SHOWN_CHARACTERS = 1500

_RUNS_BY_ITSELF = frozenset({"sitecustomize", "sitecustomize.py", "usercustomize", "usercustomize.py"})
_OURS = frozenset({"jackfield", "jackfield_hub"})

_URL = re.compile(r"[A-Za-z][\w+.-]*://[^\s`'\"<>]+")
_PATH = re.compile(r"(?<![\w.])/[^\s`'\":,]+")


@dataclass(frozen=True)
class Installer:
    """How this hub installs. `index` is a package index's URL, or empty for uv's default; it may hold a password."""

    index: str
    max_bytes: int

    async def install(self, requirements: Sequence[str], work: Path, target: Path) -> list[Wheel]:
        """Put the requirements, and theirs, into `target`, and return what was installed, sorted by name.

        `work` takes uv's cache and notes and is the build's own: no build sees what another one fetched. Both are to
        be in one folder, whose size is watched. Raises CannotBuild with what the author can do. When cancelled, uv is
        stopped before this returns.
        """
        await asyncio.to_thread(target.mkdir)
        if not requirements:
            return []
        await asyncio.to_thread(work.mkdir)
        wheels = await self._resolve(requirements, work)
        await self._fetch(wheels, work, target)
        self._check_size(work.parent)
        _check_harmless(target)
        return sorted(wheels, key=lambda wheel: wheel.name)

    async def _resolve(self, requirements: Sequence[str], work: Path) -> list[Wheel]:
        asked, answered = work / "asked.in", work / "answered.txt"
        asked.write_text("\n".join(requirements) + "\n")
        options = ["--generate-hashes", "--no-header", "--no-annotate", f"--no-emit-package={KIT}", "--quiet"]
        await self._uv("resolved", work, "pip", "compile", asked, *options, "--output-file", answered)
        return read_lock(answered.read_text())

    async def _fetch(self, wheels: Sequence[Wheel], work: Path, target: Path) -> None:
        if not wheels:
            return
        locked = work / "locked.txt"
        locked.write_text(lock_lines(wheels))
        options = ["--require-hashes", "--no-deps", "--link-mode=hardlink", "--quiet", "--target", target]
        await self._uv("installed", work, "pip", "install", *options, "--requirements", locked)

    async def _uv(self, done: str, work: Path, *arguments: str | Path) -> None:
        process = await asyncio.create_subprocess_exec(
            find_uv_bin(),
            *map(str, arguments),
            *_SAFE_OPTIONS,
            f"--python={sys.executable}",
            cwd=work,
            env=self._environment(work),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        talk = asyncio.create_task(process.communicate())
        try:
            while not (await asyncio.wait({talk}, timeout=_WATCH_SECONDS))[0]:
                await asyncio.to_thread(self._check_size, work.parent)
            _, said = talk.result()
        finally:
            await _stop(process, talk)
        if process.returncode:
            raise CannotBuild(f"The dependencies could not be {done}. {_presentable(said)}")

    def _check_size(self, folder: Path) -> None:
        if _size_of(folder) > self.max_bytes:
            raise CannotBuild(f"The dependencies take more than {self.max_bytes // 1024**2} MiB.")

    def _environment(self, work: Path) -> dict[str, str]:
        """Nothing of the hub's own environment but what reaching the index needs."""
        kept = (*_KEPT_VARIABLES, *_PROXIES, *map(str.upper, _PROXIES))
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {"HOME": str(work), "UV_CACHE_DIR": str(work / "cache"), "UV_KEYRING_PROVIDER": "disabled"}
        if self.index:  # not an argument: every user of the machine can read those
            environment["UV_DEFAULT_INDEX"] = self.index
        return environment


async def _stop(process: asyncio.subprocess.Process, talk: asyncio.Task[tuple[bytes, bytes]]) -> None:
    """Return once the process, and whatever it started, is gone."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    talk.cancel()


def _check_harmless(target: Path) -> None:
    """Refuse wheels that bring what Python runs unasked, or that would stand in for the kit; forget their commands."""
    for name in ("bin", "Scripts"):
        shutil.rmtree(target / name, ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)
    for path in sorted(target.iterdir()):
        name = path.name.casefold()
        if name in _RUNS_BY_ITSELF or name.endswith(".pth"):
            raise CannotBuild(f"A dependency brings {path.name}, which would run by itself. Use another package.")
        if name in _OURS:
            raise CannotBuild(f"A dependency brings a package called {path.name}; that one comes from the hub.")


def _size_of(folder: Path) -> int:
    """Return how many bytes the files below it hold; a file with two names counts once."""
    sizes: dict[int, int] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = Path(parent, name).lstat()
            except FileNotFoundError:  # uv is still busy with it
                continue
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def _presentable(said: bytes) -> str:
    """Return what uv said, without addresses (they may hold a password) and without this machine's folders."""
    text = said.decode("utf-8", errors="replace")
    return _PATH.sub("…", _URL.sub("the package index", text)).strip()[:_SHOWN_CHARACTERS]
