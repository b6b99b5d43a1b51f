"""What an index offers, and what may be chosen of it."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version


@dataclass(frozen=True)
class File:
    """One wheel as a page of the index lists it."""

    name: str  #: the file's name
    url: str
    sha256: str  #: empty when the index does not say
    requires_python: str = ""
    is_yanked: bool = False
    has_metadata: bool = False  #: the index serves its metadata beside it (PEP 658)


@dataclass(frozen=True)
class Candidate:
    """One version of a package, as the wheel that suits this machine best, with some of its extras."""

    name: str
    version: Version
    file: File
    extras: frozenset[str] = frozenset()
