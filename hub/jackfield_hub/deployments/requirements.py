"""What a connector's pyproject.toml asks for, as plain names and versions that cannot lead an installer astray."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import Any, TypeGuard, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jackfield_hub.deployments.stages import CannotBuild

KIT = "jackfield"
MAX_DEPENDENCIES = 100
_OWN_PACKAGES = frozenset({KIT, "jackfield-hub"})


@dataclass(frozen=True)
class Wheel:
    """One installed dependency. `hashes` holds that of its file, like "sha256:9c1185a5…"."""

    name: str
    version: str
    hashes: tuple[str, ...]


def read_requirements(pyproject: bytes) -> list[str]:
    """Return the lines to resolve, for example `["httpx>=0.27", "python-dateutil[tz]"]`, without the kit itself.

    Markers are evaluated for this hub's Python. Raises CannotBuild, which names the dependency and what is wrong.
    """
    project = _project_table(pyproject)
    if "dependencies" in project.get("dynamic", []):
        raise CannotBuild('pyproject.toml: write the dependencies down; "dynamic" dependencies would need code to run.')
    dependencies = project.get("dependencies", [])
    if not _is_list_of_texts(dependencies):
        raise CannotBuild("pyproject.toml: [project] dependencies must be a list of texts.")
    if len(dependencies) > MAX_DEPENDENCIES:
        raise CannotBuild(f"pyproject.toml: at most {MAX_DEPENDENCIES} dependencies, not {len(dependencies)}.")
    return [line for line in map(_checked_line, dependencies) if line]


def _project_table(pyproject: bytes) -> dict[str, Any]:
    try:
        project = tomllib.loads(pyproject.decode("utf-8")).get("project", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as mistake:
        raise CannotBuild(f"pyproject.toml cannot be read: {mistake}") from None
    if not isinstance(project, dict):
        raise CannotBuild("pyproject.toml: [project] must be a table.")
    return cast("dict[str, Any]", project)


def _checked_line(text: str) -> str | None:
    """Return one requirement in our own spelling, or None when it is not for this machine or is the kit."""
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError):
        raise CannotBuild(f"pyproject.toml: {text!r:.120} is not a dependency like 'httpx>=0.27'.") from None
    if requirement.url or any(part.operator == "===" for part in requirement.specifier):
        raise CannotBuild(
            f"pyproject.toml: {text!r:.120} points to an address or an arbitrary version. Name a released package and "
            "version: builds take wheels from the package index only."
        )
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return None
    name = canonicalize_name(requirement.name)
    if name in _OWN_PACKAGES:
        return _check_own(name, requirement)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{name}{extras}{requirement.specifier}"


def _check_own(name: str, requirement: Requirement) -> None:
    """The hub's own kit serves every connector; it is never installed beside one."""
    if name != KIT:
        raise CannotBuild(f"pyproject.toml: a connector cannot depend on {name}; remove it.")
    ours = installed_version(KIT)
    if not requirement.specifier.contains(ours, prereleases=True):
        raise CannotBuild(f"pyproject.toml asks for {requirement}, but this hub runs {KIT} {ours}.")


def _is_list_of_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))
