"""Unpack wheels into the folder a connector imports from: files only, and none that runs by itself.

<name>/…                              as it is
<name>-1.0.data/purelib, platlib/…    to the top
<name>-1.0.data/scripts, headers, data/…   left out: a connector starts no commands
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jackfield_hub.deployments.archive import check_names
from jackfield_hub.deployments.refusals import BadArchive
from jackfield_hub.deployments.stages import CannotBuild
from jackfield_hub.deployments.zip_entries import Entry, inflate, read_entries

MAX_FILES = 20_000
_LIBRARIES = ("purelib", "platlib")
_RUNS_BY_ITSELF = frozenset({"sitecustomize", "sitecustomize.py", "usercustomize", "usercustomize.py"})
_OURS = frozenset({"jackfield", "jackfield_hub"})


class Shelf:
    """A folder that takes wheels, up to so many bytes of files."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._taken = 0

    def put(self, name: str, wheel: bytes) -> None:
        """Unpack a wheel; of two files with one path, the later stays.

        Raises CannotBuild when it is not a plain zip archive, when there is no room, or when it brings what Python
        runs unasked or what is the hub's.
        """
        try:
            files = _files_of(wheel)
            self._make_room(files.values())
            for path, entry in files.items():
                _check_harmless(path)
                place = self._folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(inflate(wheel, entry))
        except BadArchive as refusal:
            raise CannotBuild(f"The wheel of {name} cannot be taken ({refusal.code}). Use another version.") from None
        except (IsADirectoryError, NotADirectoryError, FileExistsError):
            raise CannotBuild(f"{name} brings a file where another dependency brings a folder.") from None

    def _make_room(self, entries: Iterable[Entry]) -> None:
        self._taken += sum(entry.size for entry in entries)
        if self._taken > self._max_bytes:
            raise CannotBuild(f"The dependencies take more than {self._max_bytes // 1024**2} MiB.")


def metadata_of(wheel: bytes) -> bytes:
    """Return what a wheel says about itself. Raises CannotBuild when it is not a plain zip archive, or says nothing."""
    try:
        for entry in read_entries(wheel, MAX_FILES):
            folder, _, name = entry.name.partition("/")
            if folder.endswith(".dist-info") and name == "METADATA":
                return inflate(wheel, entry)
    except BadArchive as refusal:
        raise CannotBuild(f"A wheel of the package index cannot be read ({refusal.code}).") from None
    raise CannotBuild("A wheel of the package index says nothing about itself.")


def _files_of(wheel: bytes) -> dict[str, Entry]:
    """Return the files that are wanted, by where they go."""
    entries = read_entries(wheel, MAX_FILES)
    check_names(entries)
    return {place: entry for entry in entries if not entry.is_folder and (place := _place_of(entry.name))}


def _place_of(path: str) -> str:
    """Return where a file of the wheel goes below the target, or "" when it goes nowhere."""
    top, _, rest = path.partition("/")
    if not top.endswith(".data"):
        return path
    scheme, _, inner = rest.partition("/")
    return inner if scheme in _LIBRARIES else ""


def _check_harmless(path: str) -> None:
    """Refuse what Python runs unasked, and what would stand in for the kit."""
    top = path.partition("/")[0]
    name = top.casefold()
    if name in _RUNS_BY_ITSELF or name.endswith(".pth"):
        raise CannotBuild(f"A dependency brings {top}, which would run by itself. Use another package.")
    if name in _OURS:
        raise CannotBuild(f"A dependency brings a package called {top}; that one comes from the hub.")
