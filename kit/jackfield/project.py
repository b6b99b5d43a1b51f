"""A connector's folder: find it, load its code, pack it for a hub.

acme/                       the project
    connector.json          what the connector is
    pyproject.toml          its Python dependencies
    acme/                   its package: the name with "-" as "_"
        connector.py        the one Connector
        operations/*.py     its operations
    tests/                  stays at home
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jackfield.connector import Connector
from jackfield.manifest import Manifest, Metadata, MetadataMistake
from jackfield.raw_http import add_raw_http

METADATA_FILE = "connector.json"
AUTH_FILE = "auth.ctx.json"
SECRET_SUFFIX = ".ctx.json"  # such files may hold credentials: they never leave the author's machine
TOP_FILES = (METADATA_FILE, "pyproject.toml", "README.md")
UNPACKED_FOLDERS = frozenset({"__pycache__", "node_modules"})


class ProjectMistake(ValueError):
    """The folder is not a connector that can be used; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Project:
    """A connector's folder and what its connector.json says."""

    folder: Path
    metadata: Metadata

    @property
    def package(self) -> str:
        return package_name(self.metadata.name)


def package_name(connector_name: str) -> str:
    """Return the Python package of a connector: `my-shop` -> `my_shop`."""
    return connector_name.replace("-", "_")


def find_project(start: Path) -> Project:
    """Return the project that `start` is in. Raises ProjectMistake."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / METADATA_FILE).is_file():
            return open_project(folder)
    raise ProjectMistake("There is no connector.json here or above. Start one with: jackfield connector init NAME")


def open_project(folder: Path) -> Project:
    """Return the project in `folder`. Raises ProjectMistake."""
    try:
        metadata = Metadata.from_bytes((folder / METADATA_FILE).read_bytes())
    except MetadataMistake as mistake:
        raise ProjectMistake(str(mistake)) from None
    project = Project(folder, metadata)
    if not (folder / project.package / "connector.py").is_file():
        raise ProjectMistake(
            f"{project.package}/connector.py is missing: that is where the Connector of this folder lives"
        )
    return project


def load(project: Project) -> Connector:
    """Import the project's code and return its Connector with all operations.

    The project's folder goes to the front of `sys.path`. Raises ProjectMistake, and whatever the code itself raises.
    """
    sys.path.insert(0, str(project.folder))
    importlib.invalidate_caches()
    module = importlib.import_module(f"{project.package}.connector")
    for name in _operation_modules(project):
        importlib.import_module(name)
    found = {id(value): value for value in vars(module).values() if isinstance(value, Connector)}
    if len(found) != 1:
        raise ProjectMistake(f"{project.package}/connector.py must make one Connector; it makes {len(found)}")
    connector = next(iter(found.values()))
    if project.metadata.has_raw_http:
        add_raw_http(connector)
    return connector


def load_manifest(project: Project) -> Manifest:
    """Return the project's manifest. Raises ProjectMistake, ConnectorMistake, ShapeMistake or what the code raises."""
    return load(project).manifest(project.metadata)


def pack(project: Project) -> bytes:
    """Return the zip that a hub takes: one folder named after the connector, without tests and without secrets."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(_packed_files(project)):
            entry = zipfile.ZipInfo(f"{project.metadata.name}/{file.relative_to(project.folder).as_posix()}")
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _packed_files(project: Project) -> Iterator[Path]:
    yield from (project.folder / name for name in TOP_FILES if (project.folder / name).is_file())
    for file in (project.folder / project.package).rglob("*"):
        hidden = any(
            part.startswith(".") or part in UNPACKED_FOLDERS for part in file.relative_to(project.folder).parts
        )
        if file.is_file() and not file.is_symlink() and not hidden and not file.name.endswith(SECRET_SUFFIX):
            yield file


def _operation_modules(project: Project) -> list[str]:
    folder = project.folder / project.package / "operations"
    return sorted(f"{project.package}.operations.{module.name}" for module in pkgutil.iter_modules([str(folder)]))
