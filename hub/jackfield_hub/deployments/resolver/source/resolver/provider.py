"""What resolvelib has to know about packages: names, candidates, and what they need in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from resolvelib import AbstractProvider

from jackfield import InvalidInput
from resolver.candidates import Candidate
from resolver.index import Index

if TYPE_CHECKING:
    from resolvelib.resolvers import RequirementInformation

Identity = tuple[str, frozenset[str]]  # a package and some of its extras
PROVIDED = "jackfield"  # the hub's own kit serves every connector


@dataclass(frozen=True)
class Need:
    """One requirement, and whose it is: "pyproject.toml", or "httpx 0.27"."""

    requirement: Requirement
    origin: str

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


class Provider(AbstractProvider[Need, Candidate, Identity]):
    """Chooses the newest version of everything that fits."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def identify(self, requirement_or_candidate: Need | Candidate) -> Identity:
        """A package with extras is another one than without; the former needs the latter."""
        if isinstance(requirement_or_candidate, Candidate):
            return requirement_or_candidate.name, requirement_or_candidate.extras
        extras = map(canonicalize_name, requirement_or_candidate.requirement.extras)
        return requirement_or_candidate.name, frozenset(extras)

    def get_preference(
        self,
        identifier: Identity,
        resolutions: Mapping[Identity, Candidate],
        candidates: Mapping[Identity, Iterator[Candidate]],
        information: Mapping[Identity, Iterator[RequirementInformation[Need, Candidate]]],
        backtrack_causes: Sequence[RequirementInformation[Need, Candidate]],
    ) -> tuple[bool, bool, str]:
        """What is in conflict comes first, then what is pinned."""
        is_cause = any(cause.requirement.name == identifier[0] for cause in backtrack_causes)
        asked = [part for info in information[identifier] for part in info.requirement.requirement.specifier]
        is_pinned = any(part.operator == "==" for part in asked)
        return not is_cause, not is_pinned, identifier[0]

    def find_matches(
        self,
        identifier: Identity,
        requirements: Mapping[Identity, Iterator[Need]],
        incompatibilities: Mapping[Identity, Iterator[Candidate]],
    ) -> list[Candidate]:
        """Return what may be chosen, the newest first."""
        name, extras = identifier
        needs = list(requirements[identifier])
        refused = {candidate.version for candidate in incompatibilities[identifier]}
        specifier = SpecifierSet(",".join(filter(None, (str(need.requirement.specifier) for need in needs))))
        offered = [one for one in self.index.candidates(name) if one.version not in refused and _may_take(one, needs)]
        return [replace(one, extras=extras) for one in specifier.filter(offered, key=attrgetter("version"))]

    def is_satisfied_by(self, requirement: Need, candidate: Candidate) -> bool:
        return requirement.requirement.specifier.contains(candidate.version, prereleases=True)

    def get_dependencies(self, candidate: Candidate) -> list[Need]:
        origin = f"{candidate.name} {candidate.version}"
        needs = [
            Need(requirement, origin)
            for requirement in self.index.needs_of(candidate.file)
            if _applies(requirement, candidate.extras) and canonicalize_name(requirement.name) != PROVIDED
        ]
        for need in needs:
            if need.requirement.url:
                raise InvalidInput(f"{origin} depends on {need.name} at an address of its own. Use another package.")
        if candidate.extras:
            needs.append(Need(Requirement(f"{candidate.name}=={candidate.version}"), origin))
        return needs


def _may_take(candidate: Candidate, needs: list[Need]) -> bool:
    """A version its author took back is for those who ask for exactly that one."""
    pins = [part for need in needs for part in need.requirement.specifier if part.operator == "=="]
    return not candidate.file.is_yanked or any(pin.version == str(candidate.version) for pin in pins)


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
