"""A connector's source as it was sent: checked whole, before a byte of it reaches the disk."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from jackfield.manifest import Metadata, MetadataMistake
from jackfield_hub.deployments.refusals import (
    AmbiguousNames,
    BadConnectorJson,
    NoConnectorJson,
    TooBigUnpacked,
    UnsafeName,
)
from jackfield_hub.deployments.zip_entries import Entry, inflate, read_entries

CONNECTOR_JSON = "connector.json"
MAX_PATH_BYTES = 1024
MAX_PART_BYTES = 255
MAX_DEPTH = 20
MAX_NAMES_CHARACTERS = 1024 * 1024  # of all names together

# What an operating system or a packer leaves behind. It must not hide which folder is the connector's.
_LITTER = frozenset({"__macosx", ".ds_store", "thumbs.db", "desktop.ini"})
# Left out of the source: what may hold credentials, what tells an installer where to go, what runs before anybody
# asked, and what is only bulk.
_CREDENTIALS = (".env", ".netrc", ".pypirc")
_INSTALLER_SETTINGS = (".npmrc", ".yarnrc", ".yarnrc.yml", "pip.conf", "pip.ini", "uv.toml", "setup.cfg")
_RUNS_BY_ITSELF = ("conftest.py", "sitecustomize", "sitecustomize.py", "usercustomize", "usercustomize.py")
_BULK = (".git", ".tox", ".venv", "venv", "__pycache__", "node_modules")
_LEFT_OUT_NAMES = frozenset({*_LITTER, *_CREDENTIALS, *_INSTALLER_SETTINGS, *_RUNS_BY_ITSELF, *_BULK})
_LEFT_OUT_ENDINGS = (".ctx.json", ".pth", ".pyc", ".pyo")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # unicode categories that do not show, or turn the text around


@dataclass(frozen=True)
class Limits:
    """How much one archive may hold once it is unpacked."""

    max_files: int
    max_unpacked_bytes: int


@dataclass(frozen=True)
class Archive:
    """A connector's source. `files` maps paths inside the connector's folder to where their bytes are packed."""

    metadata: Metadata
    files: dict[str, Entry]
    data: bytes = field(repr=False)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file's path and content, sorted by path; one content at a time is in memory."""
        for path in sorted(self.files):
            yield path, inflate(self.data, self.files[path])


def open_archive(data: bytes, limits: Limits) -> Archive:
    """Return the connector in this zip, every byte of it checked.

    What may hold credentials (`*.ctx.json`, `.env`, `.npmrc`, …) or is not source (`.git`, `node_modules`, caches) is
    left out. Raises a BadArchive. Nothing is written to disk.
    """
    entries = read_entries(data, limits.max_files)
    check_names(entries)
    if sum(entry.size for entry in entries) > limits.max_unpacked_bytes:
        raise TooBigUnpacked(f"The archive unpacks to more than {limits.max_unpacked_bytes // 1024**2} MiB.")
    for entry in entries:
        inflate(data, entry)
    files = {path: entry for path, entry in _own_files(entries).items() if not is_left_out(path)}
    return Archive(_read_metadata(data, files[CONNECTOR_JSON]), files, data)


def is_left_out(path: str) -> bool:
    """Whether a file of this path never becomes part of a connector's source."""
    parts = path.casefold().split("/")
    return parts[-1].endswith(_LEFT_OUT_ENDINGS) or not _LEFT_OUT_NAMES.isdisjoint(parts)


def _read_metadata(data: bytes, entry: Entry) -> Metadata:
    try:
        return Metadata.from_bytes(inflate(data, entry))
    except MetadataMistake as mistake:
        raise BadConnectorJson(str(mistake)) from None


def _own_files(entries: list[Entry]) -> dict[str, Entry]:
    """Return the files by their path inside the connector's folder: the archive's top, or its one top folder."""
    files = {entry.name: entry for entry in entries if not entry.is_folder}
    tops = {name.partition("/")[0] for name in files if _LITTER.isdisjoint(name.casefold().split("/"))}
    if CONNECTOR_JSON in files:
        return files
    if len(tops) == 1 and (prefix := f"{tops.pop()}/") + CONNECTOR_JSON in files:
        return {name.removeprefix(prefix): entry for name, entry in files.items() if name.startswith(prefix)}
    raise NoConnectorJson("connector.json is missing: it must be at the top of the archive, or in its one top folder.")


@dataclass
class _Place:
    """A name some entry has, as it was spelled first, and what is in it when it is a folder."""

    spelling: str
    is_folder: bool
    places: dict[str, _Place] = field(default_factory=dict[str, "_Place"])


def check_names(entries: Iterable[Entry]) -> None:
    """Refuse names that lead elsewhere, and names that would meet each other on some machine."""
    top = _Place("", is_folder=True)
    taken = 0
    for entry in entries:
        taken += len(entry.name)
        if taken > MAX_NAMES_CHARACTERS:
            raise UnsafeName("The names of all files together are too long. Leave out what is not the connector's.")
        _claim(top, _checked_parts(entry.name), entry.is_folder)


def _claim(top: _Place, parts: Sequence[str], is_folder: bool) -> None:
    place = top
    for depth, part in enumerate(parts, start=1):
        is_inner = depth < len(parts)
        wanted = _Place(part, is_inner or is_folder)
        place = place.places.setdefault(_folded(part), wanted)
        if place.spelling != part:
            raise AmbiguousNames(f"{part!r:.99} and {place.spelling!r:.99} are one name on some machines. Rename one.")
        if place is not wanted and not (place.is_folder and wanted.is_folder):
            raise AmbiguousNames(f"{'/'.join(parts)!r:.99} is in the archive twice, or both a file and a folder.")


def _folded(part: str) -> str:
    """Return what a machine that ignores case and accents' spelling makes of a name."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold())


def _checked_parts(name: str) -> list[str]:
    if any(unicodedata.category(character) in _UNSEEN for character in name):
        raise UnsafeName(f"The name {name!r:.99} has a character nobody can see. Rename the file.")
    if "\\" in name or name.startswith("/") or ":" in name:
        raise UnsafeName(f"The name {name!r:.99} must be relative, with / between folders and without : or \\.")
    parts = name.removesuffix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise UnsafeName(f"The name {name!r:.99} must not lead out of the connector's folder, or hold . or // in it.")
    if len(name.encode()) > MAX_PATH_BYTES or any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        raise UnsafeName(f"The name {name!r:.60}… is too long: {MAX_PART_BYTES} bytes a name, {MAX_PATH_BYTES} in all.")
    if len(parts) > MAX_DEPTH:
        raise UnsafeName(f"The name {name!r:.99} is more than {MAX_DEPTH} folders deep.")
    return parts
