"""Where the master key comes from.

    JACKFIELD_MASTER_KEY              the key itself, for whoever keeps secrets in the environment
    JACKFIELD_MASTER_KEY_COMMAND      a command that prints it: a password store, a cloud's secret manager
    keys/master.key                   a file in the data folder, when neither is set

A key is 32 bytes; the environment and the command write it in base64. There may be several, newest first, joined by
commas (in the file: one after the other): the newest seals, the others still open what they sealed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shlex
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from jackfield_hub.data_folder import write_secret
from jackfield_hub.settings import Settings

KEY_BYTES = 32
COMMAND_SECONDS = 60.0


class MasterKeyMistake(Exception):
    """The master key is missing or cannot be used; the message says where it should be and how to mend it."""


class MasterKeys(Protocol):
    """Some place that has the master keys."""

    def read(self) -> Sequence[bytes]:
        """Return the keys, newest first; there is at least one. Raises MasterKeyMistake."""
        ...


class FileKey:
    """Keys in a file that its owner alone may read. It may change while we run: then it is read again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: list[bytes] = []
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> Sequence[bytes]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise MasterKeyMistake(
                f"{self.path} is missing. Without it nothing that was sealed can be opened: put it back"
            ) from None
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen != self._seen:
            if status.st_mode & 0o077:
                raise MasterKeyMistake(f"{self.path} can be read by others; run: chmod 600 {self.path}")
            there = self._split(self.path.read_bytes())
            # A key that was taken out opens what this process read before that; it is gone with the process.
            self._keys, self._seen = [*there, *(key for key in self._keys if key not in there)], seen
        return self._keys

    def create(self) -> None:
        """Make the file with a new key in it, unless it is there."""
        if not self.path.exists():
            _create_key_file(self.path)

    def put_in_front(self) -> None:
        """Add a new key, which seals from now on. The others stay, to open what they sealed."""
        write_secret(self.path, b"".join([os.urandom(KEY_BYTES), *self._split(self.path.read_bytes())]))

    def keep_newest(self) -> None:
        """Forget all keys but the newest."""
        write_secret(self.path, self.read()[0])

    def _split(self, content: bytes) -> list[bytes]:
        if not content or len(content) % KEY_BYTES:
            raise MasterKeyMistake(f"{self.path} must hold {KEY_BYTES} bytes for each key; put the original file back")
        return [content[start : start + KEY_BYTES] for start in range(0, len(content), KEY_BYTES)]


class TextKey:
    """Keys as a text, from the environment or a command. They stay what they are while we run."""

    def __init__(self, text: str, source: str) -> None:
        self._keys = [_read_base64(part, source) for part in text.split(",")]

    def read(self) -> Sequence[bytes]:
        return self._keys


def master_keys(settings: Settings) -> MasterKeys:
    """Return the keys these settings name. Raises MasterKeyMistake when they cannot be used, or when two are named."""
    text = settings.master_key.get_secret_value()
    if text and settings.master_key_command:
        raise MasterKeyMistake("set JACKFIELD_MASTER_KEY or JACKFIELD_MASTER_KEY_COMMAND, not both")
    if text:
        return TextKey(text, "JACKFIELD_MASTER_KEY")
    if settings.master_key_command:
        return TextKey(_ask(settings.master_key_command), "what JACKFIELD_MASTER_KEY_COMMAND prints")
    return FileKey(settings.data_dir / "keys" / "master.key")


def fingerprint(key: bytes) -> bytes:
    """Return eight bytes by which a key is recognised, and which say nothing about it."""
    return hashlib.sha256(b"jackfield master key\0" + key).digest()[:8]


def _ask(command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - whoever sets it runs this hub
            shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as failure:
        raise MasterKeyMistake(f"JACKFIELD_MASTER_KEY_COMMAND cannot be run ({type(failure).__name__})") from None
    if done.returncode:
        raise MasterKeyMistake(f"JACKFIELD_MASTER_KEY_COMMAND failed with exit code {done.returncode}; run it by hand")
    return done.stdout.decode(errors="replace")


def _read_base64(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyMistake(
            f"{source} must be {KEY_BYTES} bytes in base64; make one with: head -c {KEY_BYTES} /dev/urandom | base64"
        )
    return key


def _create_key_file(path: Path) -> None:
    """Write a new key under another name, then give it its own: a crash leaves no half a key, a race no second one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:  # another process was first: its key is the key
        pass
    finally:
        draft.unlink()
    _write_through(path.parent)


def _write_through(folder: Path) -> None:
    """Have the names in this folder on the disk too: a key file lost in a power cut takes every credential along."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
