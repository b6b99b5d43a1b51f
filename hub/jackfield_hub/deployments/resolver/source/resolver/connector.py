"""One operation: which wheels, in which versions, fit together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict, cast

from packaging.requirements import Requirement
from resolvelib import BaseReporter, ResolutionImpossible, Resolver
from resolvelib.resolvers import ResolverException

from jackfield import Connector, Http, InvalidInput
from resolver.candidates import Candidate
from resolver.index import Index
from resolver.provider import Need, Provider

MAX_ROUNDS = 2000
MAX_SHOWN = 8

resolver = Connector()


@dataclass
class Asked:
    """What to resolve: lines like "httpx>=0.27", and the tags of wheels that run here, the best first."""

    requirements: list[str]
    tags: list[str]


class Wheel(TypedDict):
    """One file of an index. `sha256` is what the index says it is."""

    name: str
    version: str
    url: str
    sha256: str


class Resolved(TypedDict):
    """All that has to be installed, sorted by name."""

    wheels: list[Wheel]


@resolver.operation
def resolve(asked: Asked, http: Http) -> Resolved:
    """Find the newest wheels that fit together."""
    provider = Provider(Index(http, asked.tags))
    needs = [Need(Requirement(line), "pyproject.toml") for line in asked.requirements]
    chosen = {candidate.name: candidate for candidate in _candidates(provider, needs)}
    return {"wheels": [_wheel(chosen[name]) for name in sorted(chosen)]}


def _candidates(provider: Provider, needs: list[Need]) -> Iterable[Candidate]:
    try:
        return Resolver(provider, BaseReporter()).resolve(needs, MAX_ROUNDS).mapping.values()
    except ResolverException as failure:
        if not isinstance(failure, ResolutionImpossible):
            raise InvalidInput("No set of versions was found in time. Name narrower versions.") from None
        causes = cast("ResolutionImpossible[Need, Candidate]", failure).causes
        raise InvalidInput(_said({cause.requirement for cause in causes}, provider)) from None


def _wheel(candidate: Candidate) -> Wheel:
    file = candidate.file
    return {"name": candidate.name, "version": str(candidate.version), "url": file.url, "sha256": file.sha256}


def _said(needs: set[Need], provider: Provider) -> str:
    """Return why there is no answer: nothing there of one package, or nothing that suits all who need it."""
    names = {need.name for need in needs}
    nowhere = sorted(name for name in names if not provider.index.candidates(name))
    if nowhere:
        return f"The package index has no wheel of {nowhere[0]} for this hub. Source packages are not built here."
    listed = sorted(f"{need.requirement} (of {need.origin})" for need in needs)
    return f"No wheel fits all of these: {', '.join(listed[:MAX_SHOWN])}."
